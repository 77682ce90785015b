package schemes

import "github.com/hookonce/hookonce/core"

// ClickUp returns the scheme for ClickUp webhooks. The X-Signature header holds
// the hex-encoded HMAC-SHA256 of the body. The key is the webhook's secret. The
// body identifies the message. It is not known whether two events can have the
// same body, so a redelivery is refused with [core.ErrRepeated]. Attempts have
// no signed timestamp. This scheme has not been tested against an official
// library or a published test vector.
//
// Source: www.npmjs.com/package/n8n-nodes-base/v/2.41.2, as of November 2026.
func ClickUp() core.Scheme {
	return must(Template{
		Name: "clickup", Signature: Header("X-Signature"),
		Indistinct: true,
		Content:    "{body}",
	})
}
