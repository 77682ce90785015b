package schemes

import "github.com/hookonce/hookonce/core"

// Whereby returns the scheme for Whereby webhooks. In the Whereby-Signature
// header, t is the timestamp and v1 is the hex-encoded HMAC-SHA256 of "t.body".
// The event's id in the body identifies the message. This scheme has not been
// tested against an official library or a published test vector.
//
// Source: a copy of
// docs.whereby.com/meeting-content-and-quality/insights-suite-and-api/webhooks,
// as of November 2026.
func Whereby() core.Scheme {
	return must(Template{
		Name: "whereby", Signature: Header("Whereby-Signature"), List: ",", Label: "v1=",
		Timestamp: Entry("Whereby-Signature", "t"), Stamping: core.StampedEachAttempt,
		ID:      JSON("id"),
		Content: "{timestamp}.{body}",
	})
}
