package schemes

import "github.com/hookonce/hookonce/core"

// LemonSqueezy returns the scheme for Lemon Squeezy webhooks. The X-Signature
// header holds the hex-encoded HMAC-SHA256 of the body. X-Event-Name is not
// signed: use meta.event_name of the body. The body identifies the message. It
// has no id of the event, so a redelivery is not acknowledged: it may be
// another event. Attempts have no signed timestamp. This scheme has not been
// tested against an official library or a published test vector.
//
// Source: docs.lemonsqueezy.com/help/webhooks/signing-requests, as of November
// 2026.
func LemonSqueezy() core.Scheme {
	return must(Template{
		Name: "lemonsqueezy", Signature: Header("X-Signature"), Indistinct: true,
		Content: "{body}",
	})
}
