package schemes

import "github.com/hookonce/hookonce/core"

// ClickUp is the scheme of ClickUp: X-Signature, HMAC-SHA256 of the body in
// hexadecimal under the secret of the webhook. The body identifies the message.
// No document says that two events have different bodies, so a redelivery is
// not acknowledged. No time of an attempt is signed. Neither a library of the
// sender nor a published vector confirms this scheme.
//
// Source: www.npmjs.com/package/n8n-nodes-base/v/2.41.2, as of November 2026.
func ClickUp() core.Scheme {
	return must(Template{
		Name: "clickup", Signature: Header("X-Signature"),
		Indistinct: true,
		Content:    "{body}",
	})
}
