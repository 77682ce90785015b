package schemes

import "github.com/hookonce/hookonce/core"

// AdyenPlatform is the scheme of Adyen's platform and management webhooks:
// HmacSignature, HMAC-SHA256 of the body in base64. The secret is the key in
// hexadecimal, as Adyen shows it. The body identifies the message. No time of
// an attempt is signed.
//
// Source:
// docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures,
// as of August 2026.
func AdyenPlatform() core.Scheme {
	return must(Template{
		Name: "adyen-platform", Signature: Header("HmacSignature"), Encoding: core.Base64, Secret: HexText,
		Content: "{body}",
	})
}
