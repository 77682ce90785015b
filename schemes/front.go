package schemes

import "github.com/hookonce/hookonce/core"

// Front is the scheme of Front's application webhooks: X-Front-Signature,
// HMAC-SHA256 of "time:body" with the milliseconds in
// X-Front-Request-Timestamp, in base64. No id is signed, so each attempt counts
// as a separate message. This scheme has not been tested against an official
// library or a published test vector.
//
// Source: a third-party verifier, as of November 2026. The sender documents its
// webhooks at dev.frontapp.com/docs/application-webhooks.
func Front() core.Scheme {
	return must(Template{
		Name: "front", Signature: Header("X-Front-Signature"), Encoding: core.Base64,
		Timestamp: Header("X-Front-Request-Timestamp"), Unit: Milliseconds, Stamping: core.StampedEachAttempt,
		Content: "{timestamp}:{body}",
	})
}
