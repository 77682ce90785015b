package schemes

import "github.com/hookonce/hookonce/core"

// Razorpay is the scheme of Razorpay: X-Razorpay-Signature, HMAC-SHA256 of the
// body in hexadecimal. X-Razorpay-Event-Id is not signed. Together with the
// body it identifies the message, within [core.Config].Repeats. No time of an
// attempt is signed.
//
// Source: www.npmjs.com/package/razorpay/v/2.9.8, as of November 2026.
func Razorpay() core.Scheme {
	return must(Template{
		Name: "razorpay", Signature: Header("X-Razorpay-Signature"),
		ID: Header("X-Razorpay-Event-Id"), IDOptional: true, Indistinct: true,
		Content: "{body}",
	})
}
