package schemes

import "github.com/hookonce/hookonce/core"

// Xero returns the scheme for Xero webhooks. The X-Xero-Signature header holds
// the base64-encoded HMAC-SHA256 of the body. The key is the text of the
// webhook key, which is not decoded. At first, Xero sends invalid signatures on
// purpose and expects a 401 for them. The body identifies the message. It is
// not known whether two events can have the same body, so a redelivery is
// refused with [core.ErrRepeated]. Attempts have no signed timestamp. This
// scheme has not been tested against an official library or a published test
// vector.
//
// Source: developer.xero.com/documentation/webhooks/configuring-your-server,
// and the use of the key in the third-party verifier at
// skills.sh/hookdeck/webhook-skills/xero-webhooks, as of November 2026.
func Xero() core.Scheme {
	return must(Template{
		Name: "xero", Signature: Header("X-Xero-Signature"),
		Encoding:   core.Base64,
		Indistinct: true,
		Content:    "{body}",
	})
}
