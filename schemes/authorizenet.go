package schemes

import "github.com/hookonce/hookonce/core"

// AuthorizeNet is the scheme of Authorize.Net's webhooks: X-ANET-Signature,
// HMAC-SHA512 of the body in upper-case hexadecimal after "sha512=". The secret
// is the text of the Signature Key, with 128 digits. It is not decoded.
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
