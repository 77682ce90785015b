package schemes

import "github.com/hookonce/hookonce/core"

// CustomerIO returns the scheme for Customer.io webhooks. The X-CIO-Signature
// header holds the hex-encoded HMAC-SHA256 of "v0:timestamp:body". The
// X-CIO-Timestamp header holds the timestamp. No id is signed, so each attempt
// counts as a separate message. This scheme has not been tested against an
// official library or a published test vector.
//
// Source: www.npmjs.com/package/n8n-nodes-base/v/2.41.2, as of November 2026.
func CustomerIO() core.Scheme {
	return must(Template{
		Name: "customerio", Signature: Header("X-Cio-Signature"),
		Timestamp: Header("X-Cio-Timestamp"), Stamping: core.StampedEachAttempt,
		Content: "v0:{timestamp}:{body}",
	})
}
