package schemes

import "github.com/hookonce/hookonce/core"

// Gogs returns the scheme for Gogs webhooks. The X-Gogs-Signature header holds
// the hex-encoded HMAC-SHA256 of the body. No signed field contains a time, and
// two events may have the same body. The X-Gogs-Delivery and X-Gogs-Event
// headers are not signed. Together with the body they identify the message, up
// to the limit in [core.Config].Repeats. This scheme has not been tested
// against an official library or a published test vector.
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
