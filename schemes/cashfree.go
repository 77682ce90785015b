package schemes

import "github.com/hookonce/hookonce/core"

// Cashfree is the scheme of Cashfree: X-Webhook-Signature, HMAC-SHA256 in
// base64 of the milliseconds in X-Webhook-Timestamp and the body, with nothing
// between, under the client secret. No id is signed, so each attempt counts as
// a separate message.
//
// Source: www.npmjs.com/package/cashfree-pg/v/6.0.6, as of November 2026.
func Cashfree() core.Scheme {
	return must(Template{
		Name: "cashfree", Signature: Header("X-Webhook-Signature"), Encoding: core.Base64,
		Timestamp: Header("X-Webhook-Timestamp"), Unit: Milliseconds, Stamping: core.StampedEachAttempt,
		Content: "{timestamp}{body}",
	})
}
