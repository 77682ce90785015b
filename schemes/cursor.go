package schemes

import "github.com/hookonce/hookonce/core"

// Cursor is the scheme of Cursor's cloud agents: X-Webhook-Signature,
// HMAC-SHA256 of the body. X-Webhook-ID is not signed, and only for logs; the
// body identifies the message. No time of an attempt is signed. Neither a
// library of the sender nor a published vector confirms this scheme.
//
// Source: cursor.com/docs/cloud-agent/api/webhooks, as of November 2026.
func Cursor() core.Scheme {
	return must(Template{
		Name: "cursor", Signature: Header("X-Webhook-Signature"), Label: "sha256=", ID: Header("X-Webhook-ID"), idForLogs: true,
		Content: "{body}",
	})
}
