package schemes

import "github.com/hookonce/hookonce/core"

// Ramp returns the scheme for webhooks of Ramp, the corporate card. The
// X-Ramp-Webhook-Signature header holds the hex-encoded HMAC-SHA256 of the
// body. The event's id in the body identifies the message. Attempts have no
// signed timestamp. This scheme has not been tested against an official library
// or a published test vector.
//
// Source: a copy of docs.ramp.com/developer-api/v1/webhooks, as of November
// 2026.
func Ramp() core.Scheme {
	return must(Template{
		Name: "ramp", Signature: Header("X-Ramp-Webhook-Signature"),
		ID:      JSON("id"),
		Content: "{body}",
	})
}
