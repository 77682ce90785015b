package schemes

import "github.com/hookonce/hookonce/core"

// Metronome is the scheme of Metronome: Metronome-Webhook-Signature,
// HMAC-SHA256 of the HTTP date in X-Metronome-Date, a line break and the body,
// in hexadecimal. No id is signed, so each attempt counts as a separate
// message.
//
// Source: www.npmjs.com/package/@metronome/sdk/v/3.10.0, as of November 2026.
func Metronome() core.Scheme {
	return must(Template{
		Name: "metronome", Signature: Header("Metronome-Webhook-Signature"),
		Timestamp: Header("X-Metronome-Date"), Unit: HTTPDate, Stamping: core.StampedEachAttempt,
		Content: "{timestamp}\n{body}",
	})
}
