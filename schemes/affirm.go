package schemes

import "github.com/hookonce/hookonce/core"

// Affirm returns the scheme for Affirm webhooks. In the X-Affirm-Signature
// header, t is the timestamp and v0 is the hex-encoded HMAC-SHA512 of "t.body".
// No id is signed, so each attempt counts as a separate message. This scheme
// has not been tested against an official library or a published test vector.
//
// Source:
// docs.affirm.com/developers/v1.1-developer-reference/docs/about-webhooks, as
// of November 2026.
func Affirm() core.Scheme {
	return must(Template{
		Name: "affirm", Signature: Header("X-Affirm-Signature"), List: ",", Label: "v0=", Algorithm: HMACSHA512,
		Timestamp: Entry("X-Affirm-Signature", "t"), Stamping: core.StampedEachAttempt,
		Content: "{timestamp}.{body}",
	})
}
