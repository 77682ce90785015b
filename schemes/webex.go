package schemes

import "github.com/hookonce/hookonce/core"

// Webex returns the scheme for Cisco Webex webhooks. The X-Spark-Signature
// header holds the hex-encoded HMAC-SHA1 of the body. The body identifies the
// message. It is not known whether two events can have the same body, so a
// redelivery is refused with [core.ErrRepeated]. Attempts have no signed
// timestamp. This scheme has not been tested against an official library or a
// published test vector.
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
