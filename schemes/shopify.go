package schemes

import "github.com/hookonce/hookonce/core"

// Shopify is the scheme of Shopify's webhooks: X-Shopify-Hmac-SHA256, HMAC-SHA256 of the body in base64 under the app's client secret. Its events have
// that header as well, beside Shopify-Hmac-SHA256. After a rotation
// Shopify may sign with the old secret for an hour: configure both. X-Shopify-Webhook-Id is not signed and good for logs only;
// the body identifies the message.
func Shopify() core.Scheme {
	return must(Template{
		Name: "shopify", Signature: Header("X-Shopify-Hmac-Sha256"), Encoding: core.Base64, ID: Header("X-Shopify-Webhook-Id"), IDOptional: true,
		Topic:   Header("X-Shopify-Topic"),
		Content: "{body}",
	})
}
