package schemes

import "github.com/hookonce/hookonce/core"

// AdyenPlatform is the scheme of Adyen's platform and management webhooks: HmacSignature, HMAC-SHA256 of the body in base64, under the key that
// Adyen shows in hexadecimal. The body identifies the message.
func AdyenPlatform() core.Scheme {
	return must(Template{
		Name: "adyen-platform", Signature: Header("HmacSignature"), Encoding: core.Base64, Secret: HexText,
		Content: "{body}",
	})
}
