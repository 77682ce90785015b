package schemes

import "github.com/hookonce/hookonce/core"

// Squarespace is the scheme of Squarespace: Squarespace-Signature, HMAC-SHA256
// of the body in hexadecimal under the secret that Squarespace shows in
// hexadecimal. The body identifies the message. No document says that two
// events have different bodies, so a redelivery is not acknowledged. No time of
// an attempt is signed. Neither a library of the sender nor a published vector
// confirms this scheme.
//
// Source: another project's verifier, as of November 2026; the sender documents
// it at developers.squarespace.com/webhooks/overview.
func Squarespace() core.Scheme {
	return must(Template{
		Name: "squarespace", Signature: Header("Squarespace-Signature"),
		Secret:     HexText,
		Indistinct: true,
		Content:    "{body}",
	})
}
