package schemes

import "github.com/hookonce/hookonce/core"

// Stripe is the scheme of Stripe's webhooks: t and v1 in Stripe-Signature, HMAC-SHA256 of "t.body". The secret is used as it is, whsec_
// included. v0, which test mode adds, is not looked at. Each attempt is stamped anew; the event's id in the body
// identifies the message.
func Stripe() core.Scheme {
	return must(Template{
		Name: "stripe", Signature: Header("Stripe-Signature"), List: ",", Label: "v1=",
		Timestamp: Entry("Stripe-Signature", "t"), Stamping: core.StampedEachAttempt, ID: JSON("id"), EventType: JSON("type"),
		Content: "{timestamp}.{body}",
	})
}
