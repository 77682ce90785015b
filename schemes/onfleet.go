package schemes

import "github.com/hookonce/hookonce/core"

// Onfleet returns the scheme for Onfleet webhooks. The X-Onfleet-Signature
// header holds the hex-encoded HMAC-SHA512 of the body. The secret is the
// hex-encoded key that Onfleet shows. The body identifies the message. It is
// not known whether two events can have the same body, so a redelivery is
// refused with [core.ErrRepeated]. Attempts have no signed timestamp. This
// scheme has not been tested against an official library or a published test
// vector.
//
// Source: www.npmjs.com/package/n8n-nodes-base/v/2.41.2, as of November 2026.
func Onfleet() core.Scheme {
	return must(Template{
		Name: "onfleet", Signature: Header("X-Onfleet-Signature"),
		Algorithm:  HMACSHA512,
		Secret:     HexText,
		Indistinct: true,
		Content:    "{body}",
	})
}
