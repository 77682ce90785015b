package schemes

import "github.com/hookonce/hookonce/core"

// Telnyx returns the scheme for Telnyx version 2 webhooks. The
// Telnyx-Signature-Ed25519 header holds the base64-encoded Ed25519 signature of
// "timestamp|body". The Telnyx-Timestamp header holds the timestamp. The secret
// is the account's base64-encoded public key. The event's id in data identifies
// the message. Attempts with the same id must have the same data.
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
