package schemes

import "github.com/hookonce/hookonce/core"

// Razorpay returns the scheme for Razorpay webhooks. The X-Razorpay-Signature
// header holds the hex-encoded HMAC-SHA256 of the body. The X-Razorpay-Event-Id
// header is not signed. Together with the body it identifies the message, up to
// the limit in [core.Config].Repeats. Attempts have no signed timestamp.
//
// Source: www.npmjs.com/package/razorpay/v/2.9.8, as of November 2026.
func Razorpay() core.Scheme {
	return must(Template{
		Name: "razorpay", Signature: Header("X-Razorpay-Signature"),
		ID: Header("X-Razorpay-Event-Id"), IDOptional: true, Indistinct: true,
		Content: "{body}",
	})
}
