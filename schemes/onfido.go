package schemes

import "github.com/hookonce/hookonce/core"

// Onfido is the scheme of the webhooks of Onfido, now part of Entrust:
// X-SHA2-Signature, HMAC-SHA256 of the body in hexadecimal. The secret is the
// token that Onfido's API returned when the webhook was made.
//
// The body identifies the message. It has the id of the changed object, but
// none of the event. No document says that two events have different bodies, so
// a redelivery is not acknowledged. No time of an attempt is signed.
//
// Source: www.npmjs.com/package/@onfido/api/v/6.2.0, and for the header
// documentation.identity.entrust.com/api/manual-webhook-signature-verification,
// as of November 2026.
func Onfido() core.Scheme {
	return must(Template{
		Name: "onfido", Signature: Header("X-Sha2-Signature"), Indistinct: true,
		Content: "{body}",
	})
}
