package schemes

import "github.com/hookonce/hookonce/core"

// AfterShip returns the scheme for AfterShip webhooks. The
// Aftership-Hmac-Sha256 header holds the base64-encoded HMAC-SHA256 of the
// body. The body identifies the message. It is not known whether two events can
// have the same body, so a redelivery is refused with [core.ErrRepeated].
// Attempts have no signed timestamp. This scheme has not been tested against an
// official library or a published test vector.
//
// Source: www.aftership.com/docs/tracking/webhook/webhook-signature, as of
// November 2026.
func AfterShip() core.Scheme {
	return must(Template{
		Name: "aftership", Signature: Header("Aftership-Hmac-Sha256"),
		Encoding:   core.Base64,
		Indistinct: true,
		Content:    "{body}",
	})
}
