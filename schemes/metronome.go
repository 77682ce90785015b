package schemes

import "github.com/hookonce/hookonce/core"

// Metronome returns the scheme for Metronome webhooks. The
// Metronome-Webhook-Signature header holds the hex-encoded HMAC-SHA256 of the
// timestamp, a line break and the body. The X-Metronome-Date header holds the
// timestamp, an HTTP date. No id is signed, so each attempt counts as a
// separate message.
//
// Source: www.npmjs.com/package/@metronome/sdk/v/3.10.0, as of November 2026.
func Metronome() core.Scheme {
	return must(Template{
		Name: "metronome", Signature: Header("Metronome-Webhook-Signature"),
		Timestamp: Header("X-Metronome-Date"), Unit: HTTPDate, Stamping: core.StampedEachAttempt,
		Content: "{timestamp}\n{body}",
	})
}
