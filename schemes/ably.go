package schemes

import "github.com/hookonce/hookonce/core"

// Ably is the scheme of Ably's webhooks: X-Ably-Signature, HMAC-SHA256 of the
// body in base64 under the part of the API key after its colon. The body
// identifies the message. No document says that two events have different
// bodies, so a redelivery is not acknowledged. No time of an attempt is signed.
// Neither a library of the sender nor a published vector confirms this scheme.
//
// Source: another project's verifier, as of November 2026; the sender documents
// it at ably.com/docs/integrations/webhooks.
func Ably() core.Scheme {
	return must(Template{
		Name: "ably", Signature: Header("X-Ably-Signature"),
		Encoding:   core.Base64,
		Indistinct: true,
		Content:    "{body}",
	})
}
