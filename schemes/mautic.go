package schemes

import "github.com/hookonce/hookonce/core"

// Mautic returns the scheme for Mautic webhooks. The Webhook-Signature header
// holds the base64-encoded HMAC-SHA256 of the body. The body identifies the
// message. It is not known whether two events can have the same body, so a
// redelivery is refused with [core.ErrRepeated]. Attempts have no signed
// timestamp. This scheme has not been tested against an official library or a
// published test vector.
//
// Source: www.npmjs.com/package/n8n-nodes-base/v/2.41.2, as of November 2026.
func Mautic() core.Scheme {
	return must(Template{
		Name: "mautic", Signature: Header("Webhook-Signature"),
		Encoding:   core.Base64,
		Indistinct: true,
		Content:    "{body}",
	})
}
