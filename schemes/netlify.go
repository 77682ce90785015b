package schemes

import "github.com/hookonce/hookonce/core"

// Netlify is the scheme of Netlify's notifications: a JWT in
// X-Webhook-Signature with HS256. Its claim sha256 is the hash of the body in
// hexadecimal. No time is signed. Whether two events can have the same body is
// unknown, so a redelivery is not acknowledged. This scheme has not been tested
// against an official library or a published test vector.
//
// Source: nuxt-webhook-validators 0.2.12 and n8n-nodes-base 2.41.2, as of
// November 2026.
func Netlify() core.Scheme {
	return mustJWT(JWT{
		Name: "netlify", Token: Header("X-Webhook-Signature"), BodyHash: "sha256", Issuer: "netlify", Indistinct: true,
	})
}
