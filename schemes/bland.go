package schemes

import "github.com/hookonce/hookonce/core"

// Bland returns the scheme for Bland AI webhooks. The X-Webhook-Signature
// header holds the hex-encoded HMAC-SHA256 of the body. The body identifies the
// message. It is not known whether two events can have the same body, so a
// redelivery is refused with [core.ErrRepeated]. Attempts have no signed
// timestamp. This scheme has not been tested against an official library or a
// published test vector.
//
// Source: docs.bland.ai/tutorials/webhook-signing, as of November 2026.
func Bland() core.Scheme {
	return must(Template{
		Name: "bland", Signature: Header("X-Webhook-Signature"),
		Indistinct: true,
		Content:    "{body}",
	})
}
