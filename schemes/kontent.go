package schemes

import "github.com/hookonce/hookonce/core"

// Kontent returns the scheme for Kontent.ai webhooks. The X-Kc-Signature header
// holds the base64-encoded HMAC-SHA256 of the body. The body identifies the
// message. It is not known whether two events can have the same body, so a
// redelivery is refused with [core.ErrRepeated]. Attempts have no signed
// timestamp.
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
