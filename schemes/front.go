package schemes

import "github.com/hookonce/hookonce/core"

// Front is the scheme of Front's application webhooks: X-Front-Signature,
// HMAC-SHA256 of "time:body" with the milliseconds in
// X-Front-Request-Timestamp, in base64. No id is signed, so each attempt is a
// message of its own. Neither a library of the sender nor a published vector
// confirms this scheme.
//
// Source: another project's verifier, as of November 2026; the sender documents
// it at dev.frontapp.com/docs/application-webhooks.
func Front() core.Scheme {
	return must(Template{
		Name: "front", Signature: Header("X-Front-Signature"), Encoding: core.Base64,
		Timestamp: Header("X-Front-Request-Timestamp"), Unit: Milliseconds, Stamping: core.StampedEachAttempt,
		Content: "{timestamp}:{body}",
	})
}
