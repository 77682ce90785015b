package schemes

import "github.com/hookonce/hookonce/core"

// Onfleet is the scheme of Onfleet: X-Onfleet-Signature, HMAC-SHA512 of the
// body in hexadecimal under the secret that Onfleet shows in hexadecimal. The
// body identifies the message. No document says that two events have different
// bodies, so a redelivery is not acknowledged. No time of an attempt is signed.
// Neither a library of the sender nor a published vector confirms this scheme.
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
