package schemes

import "github.com/hookonce/hookonce/core"

// Autodesk returns the scheme for Autodesk Platform Services webhooks. The
// X-Adsk-Signature header holds the hex-encoded HMAC-SHA1 of the body. The body
// identifies the message. It is not known whether two events can have the same
// body, so a redelivery is refused with [core.ErrRepeated]. Attempts have no
// signed timestamp. This scheme has not been tested against an official library
// or a published test vector.
//
// Source: aps.autodesk.com/en/docs/webhooks/v1/overview/basics and Autodesk's
// samples in github.com/autodesk-platform-services/aps-webhooks-signature, as
// of November 2026.
func Autodesk() core.Scheme {
	return must(Template{
		Name: "autodesk", Signature: Header("X-Adsk-Signature"),
		Label:      "sha1hash=",
		Algorithm:  HMACSHA1,
		Indistinct: true,
		Content:    "{body}",
	})
}
