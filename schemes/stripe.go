package schemes

import "github.com/hookonce/hookonce/core"

// Stripe is the scheme of Stripe's webhooks: t and v1 in Stripe-Signature,
// HMAC-SHA256 of "t.body". The key is the whole text of the secret, including
// whsec_. v0, which test mode adds, is ignored. Each attempt has a new
// timestamp; the event's id in the body identifies the message. Test events all
// have the id evt_00000000000000, so each of their attempts is a message of its
// own.
//
// Source: stripe/stripe-node, src/Webhooks.ts at commit 0584b27, as of November
// 2026.
func Stripe() core.Scheme {
	return stripe{must(Template{
		Name: "stripe", Signature: Header("Stripe-Signature"), List: ",", Label: "v1=",
		Timestamp: Entry("Stripe-Signature", "t"), Stamping: core.StampedEachAttempt, ID: JSON("id"), Stable: []Field{JSON("type"), JSON("created"), JSON("data")},
		Content: "{timestamp}.{body}",
	})}
}

type stripe struct{ *templated }

func (s stripe) ReadBody(r *core.Request, a *core.Attempt) error {
	err := s.templated.ReadBody(r, a)
	// Every test event has this id, so the second one would count as a redelivery.
	if a.ID == "evt_00000000000000" {
		a.IDSigned, a.Stable = false, a.Stable[:0]
	}
	return err
}
