package schemes

import "github.com/hookonce/hookonce/core"

// Polar returns the scheme for Polar webhooks, which follow Standard Webhooks
// with webhook-* headers. The key is the whole text of the secret, including
// polar_whs_. The id identifies the message.
//
// Source: www.npmjs.com/package/@polar-sh/sdk/v/1.0.1, as of November 2026.
func Polar() core.Scheme {
	return must(Template{
		Name: "polar", Signature: Header("Webhook-Signature"), List: " ", Label: "v1,", Encoding: core.Base64,
		Timestamp: Header("Webhook-Timestamp"), Stamping: core.StampedEachAttempt,
		ID:      Header("Webhook-Id"),
		Content: "{id}.{timestamp}.{body}",
	})
}
