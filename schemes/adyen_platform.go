package schemes

import "github.com/hookonce/hookonce/core"

// AdyenPlatform returns the scheme for Adyen's platform and management
// webhooks. The HmacSignature header holds the base64-encoded HMAC-SHA256 of
// the body. The secret is the hex-encoded key, as Adyen shows it. The body
// identifies the message. Attempts have no signed timestamp.
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
