package schemes

import "github.com/hookonce/hookonce/core"

// Creem returns the scheme for Creem's older signatures. The Creem-Signature
// header holds the hex-encoded HMAC-SHA256 of the body. The key is the whole
// text of the secret. Messages with a webhook-id header are signed per Standard
// Webhooks instead. The body identifies the message. It is not known whether
// two events can have the same body, so a redelivery is refused with
// [core.ErrRepeated]. Attempts have no signed timestamp.
//
// Source: www.npmjs.com/package/creem/v/1.13.0, as of November 2026.
func Creem() core.Scheme {
	return must(Template{
		Name: "creem", Signature: Header("Creem-Signature"),
		Indistinct: true,
		Content:    "{body}",
	})
}
