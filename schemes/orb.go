package schemes

import "github.com/hookonce/hookonce/core"

// Orb returns the scheme for Orb webhooks. In the X-Orb-Signature header, v1 is
// the hex-encoded HMAC-SHA256 of "v1:timestamp:body". The X-Orb-Timestamp
// header holds the timestamp, in UTC without a zone. The event's id in the body
// identifies the message. Attempts with the same id must have the same type and
// time. Without an id, each attempt counts as a separate message.
//
// Source: www.npmjs.com/package/orb-billing/v/6.11.0, as of November 2026.
func Orb() core.Scheme {
	return must(Template{
		Name: "orb", Signature: Header("X-Orb-Signature"), Label: "v1=",
		Timestamp: Header("X-Orb-Timestamp"), Unit: ISO8601, Stamping: core.StampedEachAttempt,
		ID: JSON("id"), IDOptional: true, Stable: []Field{JSON("type"), JSON("created_at")},
		Content: "v1:{timestamp}:{body}",
	})
}
