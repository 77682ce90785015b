package schemes

import "github.com/hookonce/hookonce/core"

// Mux is the scheme of Mux: t and v1 in Mux-Signature, HMAC-SHA256 of "t.body".
// The event's id in the body identifies the message; the body lists earlier
// attempts, so two attempts must have the same type, time and data.
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
