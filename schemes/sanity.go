package schemes

import "github.com/hookonce/hookonce/core"

// Sanity is the scheme of Sanity: t and v1 in Sanity-Webhook-Signature,
// HMAC-SHA256 of "t.body" in base64url. No id is signed, so each attempt counts
// as a separate message.
//
// Source: www.npmjs.com/package/@sanity/webhook/v/4.0.4, as of November 2026.
func Sanity() core.Scheme {
	return must(Template{
		Name: "sanity", Signature: Header("Sanity-Webhook-Signature"), List: ",", Label: "v1=", Encoding: core.Base64URL,
		Timestamp: Entry("Sanity-Webhook-Signature", "t"), Unit: Milliseconds, Stamping: core.StampedEachAttempt,
		Content: "{timestamp}.{body}",
	})
}
