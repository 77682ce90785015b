package schemes

import "github.com/hookonce/hookonce/core"

// Mollie is the scheme of Mollie's webhooks of the next generation:
// X-Mollie-Signature, HMAC-SHA256 of the body in hexadecimal. The classic ones
// sign nothing. The body identifies the message. Nobody says that two events
// differ in it, so a handled message that comes again is not acknowledged. No
// time of an attempt is signed.
//
// Source: another project's verifier, as of November 2026; the sender documents
// it at docs.mollie.com/reference/best-practices.
func Mollie() core.Scheme {
	return must(Template{
		Name: "mollie", Signature: Header("X-Mollie-Signature"),
		Label:      "sha256=",
		Indistinct: true,
		Content:    "{body}",
	})
}
