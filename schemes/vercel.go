package schemes

import "github.com/hookonce/hookonce/core"

// Vercel returns the scheme for Vercel's webhooks. The x-vercel-signature
// header holds the hex-encoded HMAC-SHA1 of the body. The id in the body
// identifies the message. Attempts have no signed timestamp. This scheme has
// not been tested against an official library or a published test vector.
//
// Source: vercel.com/docs/webhooks, as of August 2026.
func Vercel() core.Scheme {
	return must(Template{
		Name: "vercel", Signature: Header("X-Vercel-Signature"), Algorithm: HMACSHA1, ID: JSON("id"),
		Content: "{body}",
	})
}
