package schemes

import "github.com/hookonce/hookonce/core"

// Cursor returns the scheme for Cursor's cloud agents. The X-Webhook-Signature
// header holds the hex-encoded HMAC-SHA256 of the body. The X-Webhook-ID header
// is not signed and serves only for logs. The body identifies the message.
// Attempts have no signed timestamp. This scheme has not been tested against an
// official library or a published test vector.
//
// Source: cursor.com/docs/cloud-agent/api/webhooks, as of November 2026.
func Cursor() core.Scheme {
	return must(Template{
		Name: "cursor", Signature: Header("X-Webhook-Signature"), Label: "sha256=", ID: Header("X-Webhook-ID"), idForLogs: true,
		Content: "{body}",
	})
}
