package schemes

import "github.com/hookonce/hookonce/core"

// Checkout is the scheme of Checkout.com: Cko-Signature, HMAC-SHA256 of the
// body in hexadecimal under the signature key. The event's id in the body
// identifies the message; two attempts must have the same type and data. No
// time of an attempt is signed. Neither a library of the sender nor a published
// vector confirms this scheme.
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
