package schemes

import "github.com/hookonce/hookonce/core"

// Sinch returns the scheme for Sinch's Conversation API. The
// X-Sinch-Webhook-Signature header holds the base64-encoded HMAC-SHA256 of
// "body.nonce.timestamp". Each attempt has a new nonce. No id is signed, so
// each attempt counts as a separate message.
//
// Source: www.npmjs.com/package/@sinch/sdk-core/v/1.4.0, as of November 2026.
func Sinch() core.Scheme {
	return must(Template{
		Name: "sinch", Signature: Header("X-Sinch-Webhook-Signature"), Encoding: core.Base64,
		Timestamp: Header("X-Sinch-Webhook-Signature-Timestamp"), Stamping: core.StampedEachAttempt,
		Nonce:   Header("X-Sinch-Webhook-Signature-Nonce"),
		Content: "{body}.{nonce}.{timestamp}",
	})
}
