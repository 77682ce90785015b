package schemes

import "github.com/hookonce/hookonce/core"

// Hookdeck is the scheme of Hookdeck's own signatures: X-Hookdeck-Signature,
// HMAC-SHA256 of the body in base64 under the signing secret of the project,
// and X-Hookdeck-Signature-2 while that is rotated. The body identifies the
// message. No document says that two events have different bodies, so a
// redelivery is not acknowledged. No time of an attempt is signed.
//
// Source: www.npmjs.com/package/@hookdeck/sdk/v/0.4.0, as of November 2026.
func Hookdeck() core.Scheme {
	return must(Template{
		Name: "hookdeck", Signature: Header("X-Hookdeck-Signature"),
		Encoding:   core.Base64,
		More:       []Field{Header("X-Hookdeck-Signature-2")},
		Indistinct: true,
		Content:    "{body}",
	})
}
