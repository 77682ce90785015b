package schemes

import "github.com/hookonce/hookonce/core"

// Vercel is the scheme of Vercel's webhooks: x-vercel-signature, HMAC-SHA1 of
// the body. The id in the body identifies the message. No time of an attempt is
// signed. Neither a library of the sender nor a published vector confirms this
// scheme.
//
// Source: vercel.com/docs/webhooks, as of August 2026.
func Vercel() core.Scheme {
	return must(Template{
		Name: "vercel", Signature: Header("X-Vercel-Signature"), Algorithm: HMACSHA1, ID: JSON("id"),
		Content: "{body}",
	})
}
