package schemes

import "github.com/hookonce/hookonce/core"

// WooCommerce is the scheme of WooCommerce's webhooks: X-WC-Webhook-Signature, HMAC-SHA256 of the body in base64.
// X-WC-Webhook-Delivery-ID is not signed and good for logs only.
func WooCommerce() core.Scheme {
	return must(Template{
		Name: "woocommerce", Signature: Header("X-WC-Webhook-Signature"), Encoding: core.Base64, ID: Header("X-WC-Webhook-Delivery-ID"), IDOptional: true,
		Topic:   Header("X-WC-Webhook-Topic"),
		Content: "{body}",
	})
}
