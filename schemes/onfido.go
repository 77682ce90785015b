package schemes

import "github.com/hookonce/hookonce/core"

// Onfido returns the scheme for webhooks of Onfido, now part of Entrust. The
// X-SHA2-Signature header holds the hex-encoded HMAC-SHA256 of the body. The
// secret is the token that Onfido's API returned when the webhook was created.
//
// The body identifies the message. It has the id of the changed object, but no
// event id. It is not known whether two events can have the same body, so a
// redelivery is refused with [core.ErrRepeated]. Attempts have no signed
// timestamp.
//
// Source: www.npmjs.com/package/@onfido/api/v/6.2.0, and, for the header's
// name,
// documentation.identity.entrust.com/api/manual-webhook-signature-verification,
// as of November 2026.
func Onfido() core.Scheme {
	return must(Template{
		Name: "onfido", Signature: Header("X-Sha2-Signature"), Indistinct: true,
		Content: "{body}",
	})
}
