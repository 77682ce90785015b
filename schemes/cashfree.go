package schemes

import "github.com/hookonce/hookonce/core"

// Cashfree returns the scheme for Cashfree webhooks. The X-Webhook-Signature
// header holds the base64-encoded HMAC-SHA256 of the timestamp followed by the
// body. The key is the client secret. The X-Webhook-Timestamp header holds the
// timestamp in milliseconds. No id is signed, so each attempt counts as a
// separate message.
//
// Source: www.npmjs.com/package/cashfree-pg/v/6.0.6, as of November 2026.
func Cashfree() core.Scheme {
	return must(Template{
		Name: "cashfree", Signature: Header("X-Webhook-Signature"), Encoding: core.Base64,
		Timestamp: Header("X-Webhook-Timestamp"), Unit: Milliseconds, Stamping: core.StampedEachAttempt,
		Content: "{timestamp}{body}",
	})
}
