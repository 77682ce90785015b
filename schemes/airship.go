package schemes

import "github.com/hookonce/hookonce/core"

// Airship returns the scheme for Airship webhooks. The X-UA-Signature header
// holds the hex-encoded HMAC-SHA256 of "timestamp:body". The X-UA-Timestamp
// header holds the timestamp. No id is signed, so each attempt counts as a
// separate message. This scheme has not been tested against an official library
// or a published test vector.
//
// Source:
// support.airship.com/hc/en-us/articles/360032501831-Implementing-a-Signature-Hash-and-Validating-an-Open-Channel-Webhook,
// as of November 2026.
func Airship() core.Scheme {
	return must(Template{
		Name: "airship", Signature: Header("X-Ua-Signature"),
		Timestamp: Header("X-Ua-Timestamp"), Stamping: core.StampedEachAttempt,
		Content: "{timestamp}:{body}",
	})
}
