package schemes

import "github.com/hookonce/hookonce/core"

// PandaDoc returns the scheme for PandaDoc webhooks. The URL parameter
// signature holds the hex-encoded HMAC-SHA256 of the body. The key is the
// webhook's shared key. The body identifies the message. It is not known
// whether two events can have the same body, so a redelivery is refused with
// [core.ErrRepeated]. Attempts have no signed timestamp. This scheme has not
// been tested against an official library or a published test vector.
//
// Source: developers.pandadoc.com/docs/webhook-verification, as of November
// 2026.
func PandaDoc() core.Scheme {
	return must(Template{
		Name: "pandadoc", Signature: Query("signature"),
		Indistinct: true,
		Content:    "{body}",
	})
}
