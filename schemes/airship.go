package schemes

import "github.com/hookonce/hookonce/core"

// Airship returns the scheme for Airship webhooks. The X-UA-Signature header
// holds the hex-encoded HMAC-SHA256 of "timestamp:body". The X-UA-Timestamp
// header holds the timestamp. No id is signed, so each attempt counts as a
// separate message. This scheme has not been tested against an official library
// or a published test vector.
//
// Source: a third-party verifier, as of November 2026. ngrok documents the
// integration at ngrok.com/docs/integrations/webhooks/airship-webhooks.
func Airship() core.Scheme {
	return must(Template{
		Name: "airship", Signature: Header("X-Ua-Signature"),
		Timestamp: Header("X-Ua-Timestamp"), Stamping: core.StampedEachAttempt,
		Content: "{timestamp}:{body}",
	})
}
