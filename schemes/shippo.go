package schemes

import "github.com/hookonce/hookonce/core"

// Shippo returns the scheme for Shippo webhooks. In the Shippo-Auth-Signature
// header, t is the timestamp and v1 is the hex-encoded HMAC-SHA256 of "t.body".
// No id is signed, so each attempt counts as a separate message. According to
// Shippo's code, its retries repeat the timestamp. Set [core.Config].SignsOnce
// to acknowledge them. This scheme has not been tested against an official
// library or a published test vector.
//
// Source: github.com/goshippo/ai, tools/ucp-fulfillment/src/shippo-verify.ts at
// commit 654e795, as of November 2026.
func Shippo() core.Scheme {
	return must(Template{
		Name: "shippo", Signature: Header("Shippo-Auth-Signature"), List: ",", Label: "v1=",
		Timestamp: Entry("Shippo-Auth-Signature", "t"), Stamping: core.StampedEachAttempt,
		Content: "{timestamp}.{body}",
	})
}
