package schemes

import "github.com/hookonce/hookonce/core"

// Squarespace returns the scheme for Squarespace webhooks. The
// Squarespace-Signature header holds the hex-encoded HMAC-SHA256 of the body.
// The secret is the hex-encoded key that Squarespace shows. The notification's
// id in the body identifies the message. Attempts with the same id must have
// the same topic, createdOn and data. Without an id, the body identifies the
// message, and a redelivery is refused with [core.ErrRepeated]. Attempts have
// no signed timestamp. This scheme has not been tested against an official
// library or a published test vector.
//
// Source: developers.squarespace.com/webhooks/verifying-notifications and
// developers.squarespace.com/commerce-apis/webhooks/notification-delivery, as
// of November 2026.
func Squarespace() core.Scheme {
	return must(Template{
		Name: "squarespace", Signature: Header("Squarespace-Signature"),
		Secret: HexText,
		ID:     JSON("id"), IDOptional: true, Indistinct: true,
		Stable:  []Field{JSON("topic"), JSON("createdOn"), JSON("data")},
		Content: "{body}",
	})
}
