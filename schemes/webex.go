package schemes

import "github.com/hookonce/hookonce/core"

// Webex is the scheme of Cisco Webex: X-Spark-Signature, HMAC-SHA1 of the body
// in hexadecimal. The body identifies the message. No document says that two
// events have different bodies, so a redelivery is not acknowledged. No time of
// an attempt is signed. Neither a library of the sender nor a published vector
// confirms this scheme.
//
// Source: www.npmjs.com/package/n8n-nodes-base/v/2.41.2, as of November 2026.
func Webex() core.Scheme {
	return must(Template{
		Name: "webex", Signature: Header("X-Spark-Signature"),
		Algorithm:  HMACSHA1,
		Indistinct: true,
		Content:    "{body}",
	})
}
