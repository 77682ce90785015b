package schemes

import "github.com/hookonce/hookonce/core"

// GoCardless is the scheme of GoCardless: Webhook-Signature, HMAC-SHA256 of the
// body in hexadecimal. The body identifies the message, by the ids of its
// events. No time of an attempt is signed.
//
// Source: www.npmjs.com/package/gocardless-nodejs/v/10.1.2, as of November
// 2026.
func GoCardless() core.Scheme {
	return must(Template{
		Name: "gocardless", Signature: Header("Webhook-Signature"),
		Content: "{body}",
	})
}
