package schemes

import "github.com/hookonce/hookonce/core"

// Primer returns the scheme for Primer webhooks. The X-Signature-Primary header
// holds the base64-encoded HMAC-SHA256 of the body. For a day after a secret is
// rotated, X-Signature-Secondary holds another signature. The body identifies
// the message. It is not known whether two events can have the same body, so a
// redelivery is refused with [core.ErrRepeated]. Attempts have no signed
// timestamp. This scheme has not been tested against an official library or a
// published test vector.
//
// Source: primer.io/docs/api-reference/get-started/configure-webhooks, as of
// November 2026.
func Primer() core.Scheme {
	return must(Template{
		Name: "primer", Signature: Header("X-Signature-Primary"), More: []Field{Header("X-Signature-Secondary")},
		Encoding:   core.Base64,
		Indistinct: true,
		Content:    "{body}",
	})
}
