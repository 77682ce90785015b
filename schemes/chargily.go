package schemes

import "github.com/hookonce/hookonce/core"

// Chargily returns the scheme for Chargily Pay's webhooks. The Signature header
// holds the hex-encoded HMAC-SHA256 of the body. The secret is the API's secret
// key.
//
// The event's id in the body identifies the message. Attempts have no signed
// timestamp.
//
// Source: www.npmjs.com/package/@chargily/chargily-pay/v/2.1.0 and
// dev.chargily.com/pay-v2/webhooks, as of November 2026.
func Chargily() core.Scheme {
	return must(Template{
		Name: "chargily", Signature: Header("Signature"),
		ID:      JSON("id"),
		Content: "{body}",
	})
}
