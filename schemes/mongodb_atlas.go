package schemes

import "github.com/hookonce/hookonce/core"

// MongoDBAtlas is the scheme of the alerts of MongoDB Atlas: X-Mms-Signature,
// HMAC-SHA1 of the body in base64. The body identifies the message. No document
// says that two events have different bodies, so a redelivery is not
// acknowledged. No time of an attempt is signed. Neither a library of the
// sender nor a published vector confirms this scheme.
//
// Source: another project's verifier, as of November 2026; the sender documents
// it at ngrok.com/docs/integrations/webhooks/mongodb-webhooks.
func MongoDBAtlas() core.Scheme {
	return must(Template{
		Name: "mongodb-atlas", Signature: Header("X-Mms-Signature"),
		Algorithm:  HMACSHA1,
		Encoding:   core.Base64,
		Indistinct: true,
		Content:    "{body}",
	})
}
