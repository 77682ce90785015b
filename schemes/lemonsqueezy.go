package schemes

import "github.com/hookonce/hookonce/core"

// LemonSqueezy is the scheme of Lemon Squeezy: X-Signature, HMAC-SHA256 of the
// body. X-Event-Name is not signed: use meta.event_name of the body. The body
// identifies the message. It has no id of the event, so a redelivery is not
// acknowledged: it may be another event. No time of an attempt is signed.
// Neither a library of the sender nor a published vector confirms this scheme.
//
// Source: docs.lemonsqueezy.com/help/webhooks/signing-requests, as of November
// 2026.
func LemonSqueezy() core.Scheme {
	return must(Template{
		Name: "lemonsqueezy", Signature: Header("X-Signature"), Indistinct: true,
		Content: "{body}",
	})
}
