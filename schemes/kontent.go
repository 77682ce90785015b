package schemes

import "github.com/hookonce/hookonce/core"

// Kontent is the scheme of Kontent.ai: X-Kc-Signature, HMAC-SHA256 of the body
// in base64. The body identifies the message. No document says that two events
// have different bodies, so a redelivery is not acknowledged. No time of an
// attempt is signed.
//
// Source: www.npmjs.com/package/@kontent-ai/webhook-helper/v/3.0.3, as of
// November 2026.
func Kontent() core.Scheme {
	return must(Template{
		Name: "kontent", Signature: Header("X-Kc-Signature"),
		Encoding:   core.Base64,
		Indistinct: true,
		Content:    "{body}",
	})
}
