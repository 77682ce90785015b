package schemes

import "github.com/hookonce/hookonce/core"

// Sanity returns the scheme for Sanity webhooks. In the
// Sanity-Webhook-Signature header, t is the timestamp in milliseconds and v1 is
// the base64url-encoded HMAC-SHA256 of "t.body". No id is signed, so each
// attempt counts as a separate message.
//
// Source: www.npmjs.com/package/@sanity/webhook/v/4.0.4, as of November 2026.
func Sanity() core.Scheme {
	return must(Template{
		Name: "sanity", Signature: Header("Sanity-Webhook-Signature"), List: ",", Label: "v1=", Encoding: core.Base64URL,
		Timestamp: Entry("Sanity-Webhook-Signature", "t"), Unit: Milliseconds, Stamping: core.StampedEachAttempt,
		Content: "{timestamp}.{body}",
	})
}
