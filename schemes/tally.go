package schemes

import "github.com/hookonce/hookonce/core"

// Tally returns the scheme for webhooks of the form builder tally.so. The
// Tally-Signature header holds the base64-encoded HMAC-SHA256 of the body. The
// eventId in the body identifies the message. Without an eventId, the body
// identifies the message, and a redelivery is refused with [core.ErrRepeated].
// Attempts have no signed timestamp. This scheme has not been tested against an
// official library or a published test vector.
//
// Source: tally.so/help/webhooks, and the encoding in the third-party verifier
// at skills.sh/hookdeck/webhook-skills/tally-webhooks, as of November 2026.
func Tally() core.Scheme {
	return must(Template{
		Name: "tally", Signature: Header("Tally-Signature"), Encoding: core.Base64,
		ID: JSON("eventId"), IDOptional: true, Indistinct: true,
		Content: "{body}",
	})
}
