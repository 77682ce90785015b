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
// Source: the third-party verifier at
// gist.github.com/afreeland/003026ee17ab0f6de8b3acc4b33f797b, as of November
// 2026.
func Chargify() core.Scheme {
	return must(Template{
		Name: "chargify", Signature: Header("X-Chargify-Webhook-Signature-Hmac-Sha-256"),
		Indistinct: true,
		Content:    "{body}",
	})
}
