package schemes

import "github.com/hookonce/hookonce/core"

// CloudflareStream returns the scheme for Cloudflare Stream webhooks. In the
// Webhook-Signature header, time is the timestamp and sig1 is the hex-encoded
// HMAC-SHA256 of "time.body". No id is signed, so each attempt counts as a
// separate message. This scheme has not been tested against an official library
// or a published test vector.
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
