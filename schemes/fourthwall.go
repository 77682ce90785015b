package schemes

import "github.com/hookonce/hookonce/core"

// Fourthwall is the scheme of Fourthwall: X-Fourthwall-Hmac-Sha256, HMAC-SHA256
// of the body in base64. The body identifies the message. No document says that
// two events have different bodies, so a redelivery is not acknowledged. No
// time of an attempt is signed. Neither a library of the sender nor a published
// vector confirms this scheme.
//
// Source: www.npmjs.com/package/nuxt-webhook-validators/v/0.2.12, as of
// November 2026.
func Fourthwall() core.Scheme {
	return must(Template{
		Name: "fourthwall", Signature: Header("X-Fourthwall-Hmac-Sha256"),
		Encoding:   core.Base64,
		Indistinct: true,
		Content:    "{body}",
	})
}
