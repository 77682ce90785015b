package schemes

import "github.com/hookonce/hookonce/core"

// Primer is the scheme of Primer: X-Signature-Primary, HMAC-SHA256 of the body
// in base64. The body identifies the message. No document says that two events
// have different bodies, so a redelivery is not acknowledged. No time of an
// attempt is signed. Neither a library of the sender nor a published vector
// confirms this scheme.
//
// Source: another project's verifier, as of November 2026; the sender documents
// it at primer.io/docs/api-reference/get-started/webhooks.
func Primer() core.Scheme {
	return must(Template{
		Name: "primer", Signature: Header("X-Signature-Primary"),
		Encoding:   core.Base64,
		Indistinct: true,
		Content:    "{body}",
	})
}
