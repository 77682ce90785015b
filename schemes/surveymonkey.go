package schemes

import "github.com/hookonce/hookonce/core"

// SurveyMonkey is the scheme of SurveyMonkey: Sm-Signature, HMAC-SHA1 of the
// body in base64 under client id and client secret with & between: that text is
// the secret here. The body identifies the message. Nobody says that two events
// differ in it, so a handled message that comes again is not acknowledged. No
// time of an attempt is signed. Neither a library of the sender nor a published
// vector confirms this scheme.
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
