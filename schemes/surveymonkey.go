package schemes

import "github.com/hookonce/hookonce/core"

// SurveyMonkey returns the scheme for SurveyMonkey webhooks. The Sm-Signature
// header holds the base64-encoded HMAC-SHA1 of the body. The secret is the
// client id, "&" and the client secret, joined. The body identifies the
// message. It is not known whether two events can have the same body, so a
// redelivery is refused with [core.ErrRepeated]. Attempts have no signed
// timestamp. This scheme has not been tested against an official library or a
// published test vector.
//
// Source: www.npmjs.com/package/n8n-nodes-base/v/2.41.2, as of November 2026.
func SurveyMonkey() core.Scheme {
	return must(Template{
		Name: "surveymonkey", Signature: Header("Sm-Signature"),
		Algorithm:  HMACSHA1,
		Encoding:   core.Base64,
		Indistinct: true,
		Content:    "{body}",
	})
}
