package schemes

import "github.com/hookonce/hookonce/core"

// Wise returns the scheme for Wise webhooks. The X-Signature-SHA256 header
// holds the base64-encoded RSA signature (SHA-256) of the body. Wise has one
// public key for the sandbox and one for production. The secret is one of these
// keys: the PEM text between the BEGIN and END lines, without the line breaks.
// The older X-Signature header (SHA-1) is ignored.
//
// The body identifies the message. It is not known whether two events can have
// the same body, so a redelivery is refused with [core.ErrRepeated]. Attempts
// have no signed timestamp. This scheme has not been tested against an official
// library or a published test vector.
//
// Source: docs.wise.com/features/webhooks-notifications/event-handling, as of
// November 2026.
func Wise() core.Scheme {
	return must(Template{
		Name: "wise", Signature: Header("X-Signature-SHA256"), Algorithm: RSASHA256, Secret: Base64Text, Encoding: core.Base64,
		Indistinct: true,
		Content:    "{body}",
	})
}
