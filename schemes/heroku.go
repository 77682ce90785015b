package schemes

import "github.com/hookonce/hookonce/core"

// Heroku returns the scheme for Heroku's app webhooks. The
// Heroku-Webhook-Hmac-Sha256 header holds the base64-encoded HMAC-SHA256 of the
// body. The body identifies the message. It is not known whether two events can
// have the same body, so a redelivery is refused with [core.ErrRepeated].
// Attempts have no signed timestamp. This scheme has not been tested against an
// official library or a published test vector.
//
// Source: www.npmjs.com/package/nuxt-webhook-validators/v/0.2.12, as of
// November 2026.
func Heroku() core.Scheme {
	return must(Template{
		Name: "heroku", Signature: Header("Heroku-Webhook-Hmac-Sha256"),
		Encoding:   core.Base64,
		Indistinct: true,
		Content:    "{body}",
	})
}
