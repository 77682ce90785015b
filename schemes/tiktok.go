package schemes

import "github.com/hookonce/hookonce/core"

// TikTok returns the scheme for TikTok webhooks. In the Tiktok-Signature
// header, t is the timestamp and s is the hex-encoded HMAC-SHA256 of "t.body".
// The key is the client secret. No id is signed, so each attempt counts as a
// separate message. This scheme has not been tested against an official library
// or a published test vector.
//
// Source: developers.tiktok.com/doc/webhooks-verification, as of November 2026.
func TikTok() core.Scheme {
	return must(Template{
		Name: "tiktok", Signature: Header("Tiktok-Signature"), List: ",", Label: "s=",
		Timestamp: Entry("Tiktok-Signature", "t"), Stamping: core.StampedEachAttempt,
		Content: "{timestamp}.{body}",
	})
}
