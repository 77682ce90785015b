package schemes

import "github.com/hookonce/hookonce/core"

// Airship is the scheme of Airship: X-UA-Signature, HMAC-SHA256 of "time:body"
// with the timestamp in X-UA-Timestamp, in hexadecimal. No id is signed, so
// each attempt counts as a separate message. This scheme has not been tested
// against an official library or a published test vector.
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
