package schemes

import "github.com/hookonce/hookonce/core"

// Zendesk is the scheme of Zendesk: X-Zendesk-Webhook-Signature, HMAC-SHA256 of
// the time in X-Zendesk-Webhook-Signature-Timestamp (RFC 3339) and the body,
// with nothing between, in base64. The body may be empty. No id is signed, so
// each attempt counts as a separate message. This scheme has not been tested
// against an official library or a published test vector.
//
// Source: a third-party verifier, as of November 2026. The sender documents its
// webhooks at developer.zendesk.com/documentation/webhooks/verifying/.
func Zendesk() core.Scheme {
	return must(Template{
		Name: "zendesk", Signature: Header("X-Zendesk-Webhook-Signature"), Encoding: core.Base64,
		Timestamp: Header("X-Zendesk-Webhook-Signature-Timestamp"), Unit: RFC3339, Stamping: core.StampedEachAttempt,
		Content: "{timestamp}{body}",
	})
}
