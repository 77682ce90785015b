package schemes

import "github.com/hookonce/hookonce/core"

// WooCommerce is the scheme of WooCommerce's webhooks: X-WC-Webhook-Signature,
// HMAC-SHA256 of the body in base64.
//
// The body of a created order may be that of the updated one, and the body of a
// deleted resource is its number alone. X-WC-Webhook-Delivery-ID and
// X-WC-Webhook-Topic are not signed. Together with the body they identify the
// message, within [core.Config].Repeats. Two deliveries of one webhook within a
// second have the same delivery id. WooCommerce does not retry.
func WooCommerce() core.Scheme {
	return must(Template{
		Name: "woocommerce", Signature: Header("X-WC-Webhook-Signature"), Encoding: core.Base64,
		ID: Header("X-WC-Webhook-Delivery-ID"), IDOptional: true, Topic: Header("X-WC-Webhook-Topic"),
		Content: "{body}",
	})
}
