package schemes

import "github.com/hookonce/hookonce/core"

// Hookdeck returns the scheme for Hookdeck's own signatures. The
// X-Hookdeck-Signature header holds the base64-encoded HMAC-SHA256 of the body.
// The key is the project's signing secret. While that secret is rotated, the
// X-Hookdeck-Signature-2 header holds a second signature. The body identifies
// the message. It is not known whether two events can have the same body, so a
// redelivery is refused with [core.ErrRepeated]. Attempts have no signed
// timestamp.
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
