package schemes

import "github.com/hookonce/hookonce/core"

// Netlify returns the scheme for Netlify notifications. The X-Webhook-Signature
// header holds a JWT signed with HS256. Its sha256 claim is the hex-encoded
// hash of the body, and its issuer must be "netlify". Attempts have no signed
// timestamp. It is not known whether two events can have the same body, so a
// redelivery is refused with [core.ErrRepeated]. This scheme has not been
// tested against an official library or a published test vector.
//
// Source: nuxt-webhook-validators 0.2.12 and n8n-nodes-base 2.41.2, as of
// November 2026.
func Netlify() core.Scheme {
	return mustJWT(JWT{
		Name: "netlify", Token: Header("X-Webhook-Signature"), BodyHash: "sha256", Issuer: "netlify", Indistinct: true,
	})
}
