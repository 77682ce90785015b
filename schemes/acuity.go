package schemes

import "github.com/hookonce/hookonce/core"

// Acuity is the scheme of Acuity Scheduling: X-Acuity-Signature, HMAC-SHA256 of
// the body in base64 under the API key. The body identifies the message. No
// document says that two events have different bodies, so a redelivery is not
// acknowledged. No time of an attempt is signed. Neither a library of the
// sender nor a published vector confirms this scheme.
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
