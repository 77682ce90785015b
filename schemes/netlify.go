package schemes

import "github.com/hookonce/hookonce/core"

// Netlify is the scheme of Netlify's notifications: a JWT in
// X-Webhook-Signature with HS256. Its claim sha256 is the hash of the body in
// hexadecimal. No time is signed. No document says that two events have
// different bodies, so a redelivery is not acknowledged. Neither a library of
// the sender nor a published vector confirms this scheme.
//
// Source: nuxt-webhook-validators 0.2.12 and n8n-nodes-base 2.41.2, as of
// November 2026.
func Netlify() core.Scheme {
	return mustJWT(JWT{
		Name: "netlify", Token: Header("X-Webhook-Signature"), BodyHash: "sha256", Issuer: "netlify", Indistinct: true,
	})
}
