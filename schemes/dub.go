package schemes

import "github.com/hookonce/hookonce/core"

// Dub is the scheme of Dub: Dub-Signature, HMAC-SHA256 of the body in
// hexadecimal. The body identifies the message. No document says that two
// events have different bodies, so a redelivery is not acknowledged. No time of
// an attempt is signed. Neither a library of the sender nor a published vector
// confirms this scheme.
//
// Source: another project's verifier, as of November 2026; the sender documents
// it at dub.co/docs/concepts/webhooks/verify-webhook-requests.
func Dub() core.Scheme {
	return must(Template{
		Name: "dub", Signature: Header("Dub-Signature"),
		Indistinct: true,
		Content:    "{body}",
	})
}
