package schemes

import "github.com/hookonce/hookonce/core"

// Acuity returns the scheme for Acuity Scheduling webhooks. The
// X-Acuity-Signature header holds the base64-encoded HMAC-SHA256 of the body.
// The key is the API key. The body identifies the message. It is not known
// whether two events can have the same body, so a redelivery is refused with
// [core.ErrRepeated]. Attempts have no signed timestamp. This scheme has not
// been tested against an official library or a published test vector.
//
// Source: www.npmjs.com/package/n8n-nodes-base/v/2.41.2, as of November 2026.
func Acuity() core.Scheme {
	return must(Template{
		Name: "acuity", Signature: Header("X-Acuity-Signature"),
		Encoding:   core.Base64,
		Indistinct: true,
		Content:    "{body}",
	})
}
