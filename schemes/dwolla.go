package schemes

import "github.com/hookonce/hookonce/core"

// Dwolla is the scheme of Dwolla: X-Request-Signature-Sha-256, HMAC-SHA256 of
// the body in hexadecimal. The event's id in the body identifies the message;
// two attempts must have the same topic, resource and time. Without an id, the
// body identifies the message, and a redelivery is not acknowledged. No time of
// an attempt is signed. Neither a library of the sender nor a published vector
// confirms this scheme.
//
// Source: another project's verifier, as of November 2026; the sender documents
// it at developers.dwolla.com/docs/balance/webhooks/process-validate.
func Dwolla() core.Scheme {
	return must(Template{
		Name: "dwolla", Signature: Header("X-Request-Signature-Sha-256"),
		ID: JSON("id"), IDOptional: true, Indistinct: true,
		Stable:  []Field{JSON("topic"), JSON("resourceId"), JSON("timestamp")},
		Content: "{body}",
	})
}
