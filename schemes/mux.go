package schemes

import "github.com/hookonce/hookonce/core"

// Mux returns the scheme for Mux webhooks. In the Mux-Signature header, t is
// the timestamp and v1 is the hex-encoded HMAC-SHA256 of "t.body". The event's
// id in the body identifies the message. The body also lists earlier attempts,
// so attempts with the same id need only have the same type, time and data.
//
// Source: www.npmjs.com/package/@mux/mux-node/v/15.3.0, as of November 2026.
func Mux() core.Scheme {
	return must(Template{
		Name: "mux", Signature: Header("Mux-Signature"), List: ",", Label: "v1=",
		Timestamp: Entry("Mux-Signature", "t"), Stamping: core.StampedEachAttempt,
		ID: JSON("id"), Stable: []Field{JSON("type"), JSON("created_at"), JSON("data")},
		Content: "{timestamp}.{body}",
	})
}
