package schemes

import "github.com/hookonce/hookonce/core"

// Wise is the scheme of Wise: X-Signature-SHA256, RSA with SHA-256 over the
// body, in base64, under Wise's public key: one for the sandbox, one for
// production. The secret is the text between the BEGIN and END lines of that
// key, without the line breaks. The older X-Signature (SHA-1) is ignored.
//
// The body identifies the message. Whether two events can have the same body is
// unknown, so a redelivery is not acknowledged. Attempts have no signed
// timestamp. This scheme has not been tested against an official library or a
// published test vector.
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
