package schemes

import "github.com/hookonce/hookonce/core"

// CoinbaseCommerce is the scheme of Coinbase Commerce: X-CC-Webhook-Signature,
// HMAC-SHA256 of the body. event.id in the body identifies the message,
// although attempt_number in the body differs between attempts. No time of an
// attempt is signed.
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
