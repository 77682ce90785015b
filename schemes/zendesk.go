package schemes

import "github.com/hookonce/hookonce/core"

// Zendesk returns the scheme for Zendesk webhooks. The
// X-Zendesk-Webhook-Signature header holds the base64-encoded HMAC-SHA256 of
// the timestamp directly followed by the body. The
// X-Zendesk-Webhook-Signature-Timestamp header holds the timestamp (RFC 3339).
// The body may be empty. No id is signed, so each attempt counts as a separate
// message. This scheme has not been tested against an official library or a
// published test vector.
//
// Source: www.npmjs.com/package/n8n-nodes-base/v/2.41.2, as of November 2026.
func Zendesk() core.Scheme {
	return must(Template{
		Name: "zendesk", Signature: Header("X-Zendesk-Webhook-Signature"), Encoding: core.Base64,
		Timestamp: Header("X-Zendesk-Webhook-Signature-Timestamp"), Unit: RFC3339, Stamping: core.StampedEachAttempt,
		Content: "{timestamp}{body}",
	})
}
