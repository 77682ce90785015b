package schemes

import "github.com/hookonce/hookonce/core"

// Gogs is the scheme of Gogs: X-Gogs-Signature, HMAC-SHA256 of the body in
// hexadecimal. No signed field has a time, and two events may have the same
// body. X-Gogs-Delivery and X-Gogs-Event are not signed. Together with the body
// they identify the message, within [core.Config].Repeats. Neither a library of
// the sender nor a published vector confirms this scheme.
//
// Source: pkg.go.dev/github.com/go-playground/webhooks/v6@v6.4.0, as of
// November 2026.
func Gogs() core.Scheme {
	return must(Template{
		Name: "gogs", Signature: Header("X-Gogs-Signature"),
		ID: Header("X-Gogs-Delivery"), IDOptional: true, Indistinct: true, Topic: Header("X-Gogs-Event"),
		Content: "{body}",
	})
}
