package schemes

import "github.com/hookonce/hookonce/core"

// Chatwoot returns the scheme for Chatwoot webhooks. The X-Chatwoot-Signature
// header holds "sha256=" followed by the hex-encoded HMAC-SHA256 of
// "timestamp.body". The timestamp is in the X-Chatwoot-Timestamp header.
//
// The X-Chatwoot-Delivery header is not signed, and is the same in all attempts
// of a message. Together with the body it identifies the message, up to the
// limit in [core.Config].Repeats. Some messages have no such header. Then each
// attempt counts as a separate message. This scheme has not been tested against
// an official library or a published test vector.
//
// Source: github.com/chatwoot/chatwoot/pull/13573 and a copy of
// developers.chatwoot.com/api-reference/webhooks/add-a-webhook, as of November
// 2026.
func Chatwoot() core.Scheme {
	return must(Template{
		Name: "chatwoot", Signature: Header("X-Chatwoot-Signature"), Label: "sha256=",
		Timestamp: Header("X-Chatwoot-Timestamp"), Stamping: core.StampedEachAttempt,
		ID: Header("X-Chatwoot-Delivery"), IDOptional: true,
		Content: "{timestamp}.{body}",
	})
}
