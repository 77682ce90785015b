package schemes

import "github.com/hookonce/hookonce/core"

// HelpScout is the scheme of Help Scout: X-Helpscout-Signature, HMAC-SHA1 of
// the body in base64. The body identifies the message. No document says that
// two events have different bodies, so a redelivery is not acknowledged. No
// time of an attempt is signed. Neither a library of the sender nor a published
// vector confirms this scheme.
//
// Source: www.npmjs.com/package/n8n-nodes-base/v/2.41.2, as of November 2026.
func HelpScout() core.Scheme {
	return must(Template{
		Name: "helpscout", Signature: Header("X-Helpscout-Signature"),
		Algorithm:  HMACSHA1,
		Encoding:   core.Base64,
		Indistinct: true,
		Content:    "{body}",
	})
}
