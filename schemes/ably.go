package schemes

import "github.com/hookonce/hookonce/core"

// Ably returns the scheme for Ably's webhooks. The X-Ably-Signature header
// holds the base64-encoded HMAC-SHA256 of the body. The secret is the part of
// the API key after the colon. The body identifies the message. It is not known
// whether two events can have the same body, so a redelivery is refused with
// [core.ErrRepeated]. Attempts have no signed timestamp. This scheme has not
// been tested against an official library or a published test vector.
//
// Source: ably.com/docs/platform/integrations/webhooks, as of November 2026.
func Ably() core.Scheme {
	return must(Template{
		Name: "ably", Signature: Header("X-Ably-Signature"),
		Encoding:   core.Base64,
		Indistinct: true,
		Content:    "{body}",
	})
}
