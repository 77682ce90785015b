package schemes

import "github.com/hookonce/hookonce/core"

// CloudflareStream is the scheme of Cloudflare Stream: time and sig1 in
// Webhook-Signature, HMAC-SHA256 of "t.body". No id is signed, so each attempt
// counts as a separate message. This scheme has not been tested against an
// official library or a published test vector.
//
// Source:
// developers.cloudflare.com/stream/manage-video-library/using-webhooks/, as of
// November 2026.
func CloudflareStream() core.Scheme {
	return must(Template{
		Name: "cloudflare-stream", Signature: Header("Webhook-Signature"), List: ",", Label: "sig1=",
		Timestamp: Entry("Webhook-Signature", "time"), Stamping: core.StampedEachAttempt,
		Content: "{timestamp}.{body}",
	})
}
