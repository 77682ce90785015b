package schemes

import "github.com/hookonce/hookonce/core"

// Dwolla is the scheme of Dwolla: X-Request-Signature-Sha-256, HMAC-SHA256 of
// the body in hexadecimal. The body identifies the message. Nobody says that
// two events differ in it, so a handled message that comes again is not
// acknowledged. No time of an attempt is signed. Neither a library of the
// sender nor a published vector confirms this scheme.
//
// Source: another project's verifier, as of November 2026; the sender documents
// it at developers.dwolla.com/docs/balance/webhooks/process-validate.
func Dwolla() core.Scheme {
	return must(Template{
		Name: "dwolla", Signature: Header("X-Request-Signature-Sha-256"),
		Indistinct: true,
		Content:    "{body}",
	})
}
