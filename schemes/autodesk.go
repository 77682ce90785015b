package schemes

import "github.com/hookonce/hookonce/core"

// Autodesk is the scheme of Autodesk Platform Services: X-Adsk-Signature,
// HMAC-SHA1 of the body in hexadecimal. The body identifies the message. No
// document says that two events have different bodies, so a redelivery is not
// acknowledged. No time of an attempt is signed. Neither a library of the
// sender nor a published vector confirms this scheme.
//
// Source: another project's verifier, as of November 2026; the sender documents
// it at ngrok.com/docs/integrations/webhooks/autodesk-webhooks.
func Autodesk() core.Scheme {
	return must(Template{
		Name: "autodesk", Signature: Header("X-Adsk-Signature"),
		Label:      "sha1hash=",
		Algorithm:  HMACSHA1,
		Indistinct: true,
		Content:    "{body}",
	})
}
