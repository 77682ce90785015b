package schemes

import "github.com/hookonce/hookonce/core"

// GoCardless returns the scheme for GoCardless webhooks. The Webhook-Signature
// header holds the hex-encoded HMAC-SHA256 of the body. The body identifies the
// message, because it contains the ids of the events. Attempts have no signed
// timestamp.
//
// Source: www.npmjs.com/package/gocardless-nodejs/v/10.1.2, as of November
// 2026.
func GoCardless() core.Scheme {
	return must(Template{
		Name: "gocardless", Signature: Header("Webhook-Signature"),
		Content: "{body}",
	})
}
