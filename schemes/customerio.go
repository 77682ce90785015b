package schemes

import "github.com/hookonce/hookonce/core"

// CustomerIO returns the scheme for Customer.io webhooks. The X-CIO-Signature
// header holds the hex-encoded HMAC-SHA256 of "v0:timestamp:body". The
// X-CIO-Timestamp header holds the timestamp. No id is signed, so each attempt
// counts as a separate message. This scheme has not been tested against an
// official library or a published test vector.
//
// Source: a third-party verifier, as of November 2026. The sender documents its
// webhooks at docs.customer.io/integrations/api/webhooks/.
func CustomerIO() core.Scheme {
	return must(Template{
		Name: "customerio", Signature: Header("X-Cio-Signature"),
		Timestamp: Header("X-Cio-Timestamp"), Stamping: core.StampedEachAttempt,
		Content: "v0:{timestamp}:{body}",
	})
}
