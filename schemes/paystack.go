package schemes

import "github.com/hookonce/hookonce/core"

// Paystack is the scheme of Paystack: X-Paystack-Signature, HMAC-SHA512 of the
// body in hexadecimal under the secret key of the API. The body identifies the
// message. No document says that two events have different bodies, so a
// redelivery is not acknowledged. No time of an attempt is signed. Neither a
// library of the sender nor a published vector confirms this scheme.
//
// Source: another project's verifier, as of November 2026; the sender documents
// it at paystack.com/docs/payments/webhooks/.
func Paystack() core.Scheme {
	return must(Template{
		Name: "paystack", Signature: Header("X-Paystack-Signature"),
		Algorithm:  HMACSHA512,
		Indistinct: true,
		Content:    "{body}",
	})
}
