package schemes

import "github.com/hookonce/hookonce/core"

// Intercom returns the scheme for Intercom webhooks. The X-Hub-Signature header
// holds "sha1=" followed by the hex-encoded HMAC-SHA1 of the body. The key is
// the client secret. The notification's id in the body is the same in all
// attempts and identifies the message. Attempts have no signed timestamp. This
// scheme has not been tested against an official library or a published test
// vector.
//
// Source: developers.intercom.com/docs/webhooks, as of August 2026.
func Intercom() core.Scheme {
	return must(Template{
		Name: "intercom", Signature: Header("X-Hub-Signature"), Label: "sha1=", Algorithm: HMACSHA1, ID: JSON("id"),
		IDOptional: true, Stable: []Field{JSON("topic"), JSON("created_at"), JSON("data")},
		Content: "{body}",
	})
}
