package schemes

import "github.com/hookonce/hookonce/core"

// Alchemy returns the scheme for Alchemy's Notify webhooks. The
// X-Alchemy-Signature header holds the hex-encoded HMAC-SHA256 of the body. The
// key is the webhook's signing key. The event's id in the body identifies the
// message. Attempts have no signed timestamp. This scheme has not been tested
// against an official library or a published test vector.
//
// Source:
// github.com/hookdeck/webhook-skills/blob/fb924f9/skills/alchemy-webhooks/references/overview.md,
// as of November 2026.
func Alchemy() core.Scheme {
	return must(Template{
		Name: "alchemy", Signature: Header("X-Alchemy-Signature"),
		ID:      JSON("id"),
		Content: "{body}",
	})
}
