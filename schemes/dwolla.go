package schemes

import "github.com/hookonce/hookonce/core"

// Dwolla returns the scheme for Dwolla webhooks. The
// X-Request-Signature-Sha-256 header holds the hex-encoded HMAC-SHA256 of the
// body. The event's id in the body identifies the message. Attempts with the
// same id must have the same topic, resource and time. Without an id, the body
// identifies the message, and a redelivery is refused with [core.ErrRepeated].
// Attempts have no signed timestamp. This scheme has not been tested against an
// official library or a published test vector.
//
// Source: developers.dwolla.com/guides/webhooks/validating-webhooks.html, as of
// November 2026.
func Dwolla() core.Scheme {
	return must(Template{
		Name: "dwolla", Signature: Header("X-Request-Signature-Sha-256"),
		ID: JSON("id"), IDOptional: true, Indistinct: true,
		Stable:  []Field{JSON("topic"), JSON("resourceId"), JSON("timestamp")},
		Content: "{body}",
	})
}
