package schemes

import "github.com/hookonce/hookonce/core"

// Whop returns the scheme for Whop webhooks, which follow Standard Webhooks
// with webhook-* headers. The key is the text of the secret. The id identifies
// the message.
//
// Source: www.npmjs.com/package/@whop/sdk/v/0.0.42, as of November 2026.
func Whop() core.Scheme {
	return must(Template{
		Name: "whop", Signature: Header("Webhook-Signature"), List: " ", Label: "v1,", Encoding: core.Base64,
		Timestamp: Header("Webhook-Timestamp"), Stamping: core.StampedEachAttempt,
		ID:      Header("Webhook-Id"),
		Content: "{id}.{timestamp}.{body}",
	})
}
