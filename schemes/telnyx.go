package schemes

import "github.com/hookonce/hookonce/core"

// Telnyx is the scheme of Telnyx' webhooks of version 2:
// Telnyx-Signature-Ed25519, Ed25519 over "time|body" in base64, with the
// timestamp in Telnyx-Timestamp. The secret is the account's public key in
// base64. The event's id in data identifies the message. Attempts with the same
// id must have the same data.
//
// Source: www.npmjs.com/package/telnyx/v/7.24.0, as of November 2026.
func Telnyx() core.Scheme {
	return must(Template{
		Name: "telnyx", Signature: Header("Telnyx-Signature-Ed25519"), Algorithm: Ed25519, Secret: Base64Text, Encoding: core.Base64,
		Timestamp: Header("Telnyx-Timestamp"), Stamping: core.StampedEachAttempt,
		ID: JSON("data", "id"), IDOptional: true, Stable: []Field{JSON("data")},
		Content: "{timestamp}|{body}",
	})
}
