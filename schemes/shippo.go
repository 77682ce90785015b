package schemes

import "github.com/hookonce/hookonce/core"

// Shippo returns the scheme for Shippo webhooks. In the Shippo-Auth-Signature
// header, t is the timestamp and v1 is the hex-encoded HMAC-SHA256 of "t.body".
// No id is signed, so each attempt counts as a separate message. This scheme
// has not been tested against an official library or a published test vector.
//
// Source: a third-party verifier, as of November 2026. The sender documents its
// webhooks at docs.goshippo.com/docs/tracking/webhooksecurity/.
func Shippo() core.Scheme {
	return must(Template{
		Name: "shippo", Signature: Header("Shippo-Auth-Signature"), List: ",", Label: "v1=",
		Timestamp: Entry("Shippo-Auth-Signature", "t"), Stamping: core.StampedEachAttempt,
		Content: "{timestamp}.{body}",
	})
}
