package schemes

import "github.com/hookonce/hookonce/core"

// AuthorizeNet returns the scheme for Authorize.Net webhooks. The
// X-ANET-Signature header holds "sha512=" followed by the HMAC-SHA512 of the
// body in upper-case hexadecimal. The secret is the Signature Key as text, 128
// digits that are not decoded.
//
// The notificationId in the body identifies the message. Attempts have no
// signed timestamp: eventDate in the body is the time of the event.
//
// Source: a body with its key and signature at
// community.developer.cybersource.com, as of November 2026. Authorize.Net's
// documentation does not say how the key is read.
func AuthorizeNet() core.Scheme {
	return must(Template{
		Name: "authorizenet", Signature: Header("X-Anet-Signature"), Label: "sha512=", Algorithm: HMACSHA512, Encoding: core.HexUpper,
		ID:      JSON("notificationId"),
		Content: "{body}",
	})
}
