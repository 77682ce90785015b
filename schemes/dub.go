package schemes

import "github.com/hookonce/hookonce/core"

// Dub returns the scheme for Dub webhooks. The Dub-Signature header holds the
// hex-encoded HMAC-SHA256 of the body. The body identifies the message. It is
// not known whether two events can have the same body, so a redelivery is
// refused with [core.ErrRepeated]. Attempts have no signed timestamp. This
// scheme has not been tested against an official library or a published test
// vector.
//
// Source: dub.co/docs/concepts/webhooks/verify-webhook-requests, as of November
// 2026.
func Dub() core.Scheme {
	return must(Template{
		Name: "dub", Signature: Header("Dub-Signature"),
		Indistinct: true,
		Content:    "{body}",
	})
}
