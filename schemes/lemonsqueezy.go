package schemes

import "github.com/hookonce/hookonce/core"

// LemonSqueezy returns the scheme for Lemon Squeezy webhooks. The X-Signature
// header holds the hex-encoded HMAC-SHA256 of the body. The X-Event-Name header
// is not signed: use meta.event_name in the body. The body identifies the
// message. The body has no event id. A redelivery may be another event, so it
// is refused with [core.ErrRepeated]. Attempts have no signed timestamp. This
// scheme has not been tested against an official library or a published test
// vector.
//
// Source: docs.lemonsqueezy.com/help/webhooks/signing-requests, as of November
// 2026.
func LemonSqueezy() core.Scheme {
	return must(Template{
		Name: "lemonsqueezy", Signature: Header("X-Signature"), Indistinct: true,
		Content: "{body}",
	})
}
