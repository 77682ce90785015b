package schemes

import "github.com/hookonce/hookonce/core"

// Chargify returns the scheme for Chargify (Maxio) webhooks. The
// X-Chargify-Webhook-Signature-Hmac-Sha-256 header holds the hex-encoded
// HMAC-SHA256 of the body. The key is the site's shared key. The older MD5
// signature is ignored. The body identifies the message. It is not known
// whether two events can have the same body, so a redelivery is refused with
// [core.ErrRepeated]. Attempts have no signed timestamp. This scheme has not
// been tested against an official library or a published test vector.
//
// Source: a third-party verifier, as of November 2026. ngrok documents the
// integration at ngrok.com/docs/integrations/webhooks/chargify-webhooks.
func Chargify() core.Scheme {
	return must(Template{
		Name: "chargify", Signature: Header("X-Chargify-Webhook-Signature-Hmac-Sha-256"),
		Indistinct: true,
		Content:    "{body}",
	})
}
