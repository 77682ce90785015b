package schemes

import "github.com/hookonce/hookonce/core"

// Creem is the scheme of Creem's older signature: Creem-Signature, HMAC-SHA256
// of the body in hexadecimal under the whole text of the secret. Messages with
// a webhook-id belong to Standard Webhooks. The body identifies the message. No
// document says that two events have different bodies, so a redelivery is not
// acknowledged. No time of an attempt is signed.
//
// Source: www.npmjs.com/package/creem/v/1.13.0, as of November 2026.
func Creem() core.Scheme {
	return must(Template{
		Name: "creem", Signature: Header("Creem-Signature"),
		Indistinct: true,
		Content:    "{body}",
	})
}
