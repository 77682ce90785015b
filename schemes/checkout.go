package schemes

import "github.com/hookonce/hookonce/core"

// Checkout returns the scheme for Checkout.com webhooks. The Cko-Signature
// header holds the hex-encoded HMAC-SHA256 of the body. The key is the
// signature key. The event's id in the body identifies the message. Attempts
// with the same id must have the same type and data. Attempts have no signed
// timestamp. This scheme has not been tested against an official library or a
// published test vector.
//
// Source: checkout.com/docs/workflows/set-up-your-webhook-receiver, as of
// November 2026.
func Checkout() core.Scheme {
	return must(Template{
		Name: "checkout", Signature: Header("Cko-Signature"),
		ID: JSON("id"), Stable: []Field{JSON("type"), JSON("data")},
		Content: "{body}",
	})
}
