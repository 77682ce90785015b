package schemes

import "github.com/hookonce/hookonce/core"

// CoinbaseCommerce returns the scheme for Coinbase Commerce webhooks. The
// X-CC-Webhook-Signature header holds the hex-encoded HMAC-SHA256 of the body.
// event.id in the body identifies the message. attempt_number in the body
// differs between attempts. Attempts have no signed timestamp.
//
// Source: coinbase/coinbase-commerce-node, lib/Webhook.js at commit 003e019, as
// of November 2026.
func CoinbaseCommerce() core.Scheme {
	return must(Template{
		Name: "coinbase-commerce", Signature: Header("X-CC-Webhook-Signature"), ID: JSON("event", "id"),
		Stable:  []Field{JSON("event")},
		Content: "{body}",
	})
}
