package schemes

import "github.com/hookonce/hookonce/core"

// MongoDBAtlas returns the scheme for MongoDB Atlas alerts. The X-Mms-Signature
// header holds the base64-encoded HMAC-SHA1 of the body. The body identifies
// the message. It is not known whether two events can have the same body, so a
// redelivery is refused with [core.ErrRepeated]. Attempts have no signed
// timestamp. This scheme has not been tested against an official library or a
// published test vector.
//
// Source: www.mongodb.com/docs/atlas/tutorial/webhook-integration/, as of
// November 2026.
func MongoDBAtlas() core.Scheme {
	return must(Template{
		Name: "mongodb-atlas", Signature: Header("X-Mms-Signature"),
		Algorithm:  HMACSHA1,
		Encoding:   core.Base64,
		Indistinct: true,
		Content:    "{body}",
	})
}
