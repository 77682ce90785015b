package schemes

import "github.com/hookonce/hookonce/core"

// Front returns the scheme for Front's application webhooks. The
// X-Front-Signature header holds the base64-encoded HMAC-SHA256 of
// "timestamp:body". The X-Front-Request-Timestamp header holds the timestamp in
// milliseconds. No id is signed, so each attempt counts as a separate message.
// This scheme has not been tested against an official library or a published
// test vector.
//
// Source: dev.frontapp.com/docs/application-webhooks, as of November 2026.
func Front() core.Scheme {
	return must(Template{
		Name: "front", Signature: Header("X-Front-Signature"), Encoding: core.Base64,
		Timestamp: Header("X-Front-Request-Timestamp"), Unit: Milliseconds, Stamping: core.StampedEachAttempt,
		Content: "{timestamp}:{body}",
	})
}
