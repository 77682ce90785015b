package schemes

import "github.com/hookonce/hookonce/core"

// Squarespace returns the scheme for Squarespace webhooks. The
// Squarespace-Signature header holds the hex-encoded HMAC-SHA256 of the body.
// The secret is the hex-encoded key that Squarespace shows. The body identifies
// the message. It is not known whether two events can have the same body, so a
// redelivery is refused with [core.ErrRepeated]. Attempts have no signed
// timestamp. This scheme has not been tested against an official library or a
// published test vector.
//
// Source: developers.squarespace.com/webhooks/verifying-notifications, as of
// November 2026.
func Squarespace() core.Scheme {
	return must(Template{
		Name: "squarespace", Signature: Header("Squarespace-Signature"),
		Secret:     HexText,
		Indistinct: true,
		Content:    "{body}",
	})
}
