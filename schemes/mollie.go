package schemes

import "github.com/hookonce/hookonce/core"

// Mollie is the scheme of Mollie's webhooks of the next generation:
// X-Mollie-Signature, HMAC-SHA256 of the body in hexadecimal. The classic ones
// sign nothing. The event's id in the body identifies the message; two attempts
// must have the same type, entity and time. Without an id, the body identifies
// the message, and a redelivery is not acknowledged. No time of an attempt is
// signed.
//
// Source: another project's verifier, as of November 2026; the sender documents
// it at docs.mollie.com/reference/best-practices.
func Mollie() core.Scheme {
	return must(Template{
		Name: "mollie", Signature: Header("X-Mollie-Signature"),
		Label: "sha256=",
		ID:    JSON("id"), IDOptional: true, Indistinct: true,
		Stable:  []Field{JSON("type"), JSON("entityId"), JSON("createdAt")},
		Content: "{body}",
	})
}
