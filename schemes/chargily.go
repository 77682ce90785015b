package schemes

import "github.com/hookonce/hookonce/core"

// Chargily is the scheme of Chargily Pay's webhooks: Signature, HMAC-SHA256 of
// the body in hexadecimal. The secret is the secret key of the API.
//
// The id of the event in the body identifies the message. No time of an attempt
// is signed.
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
