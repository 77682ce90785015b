package schemes

import "github.com/hookonce/hookonce/core"

// Orb is the scheme of Orb: v1 in X-Orb-Signature, HMAC-SHA256 of
// "v1:time:body" with the time in X-Orb-Timestamp, which has no zone and is
// UTC, in hexadecimal. No id is signed: each attempt is a message of its own.
//
// Source: www.npmjs.com/package/orb-billing/v/6.11.0, as of November 2026.
func Orb() core.Scheme {
	return must(Template{
		Name: "orb", Signature: Header("X-Orb-Signature"), Label: "v1=",
		Timestamp: Header("X-Orb-Timestamp"), Unit: ISO8601, Stamping: core.StampedEachAttempt,
		Content: "v1:{timestamp}:{body}",
	})
}
