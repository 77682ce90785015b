package schemes

import "github.com/hookonce/hookonce/core"

// Alchemy is the scheme of Alchemy's Notify webhooks: X-Alchemy-Signature,
// HMAC-SHA256 of the body in hexadecimal under the webhook's signing key. The
// event's id in the body identifies the message. No time of an attempt is
// signed. Neither a library of the sender nor a published vector confirms this
// scheme.
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
