package schemes

import "github.com/hookonce/hookonce/core"

// Typeform returns the scheme for Typeform webhooks. The Typeform-Signature
// header holds "sha256=" followed by the base64-encoded HMAC-SHA256 of the
// body. event_id in the body identifies the message. Attempts have no signed
// timestamp. This scheme has not been tested against an official library or a
// published test vector.
//
// Source: www.typeform.com/developers/webhooks/secure-your-webhooks, as of
// August 2026.
func Typeform() core.Scheme {
	return must(Template{
		Name: "typeform", Signature: Header("Typeform-Signature"), Label: "sha256=", Encoding: core.Base64, ID: JSON("event_id"),
		Content: "{body}",
	})
}
