package schemes

import "github.com/hookonce/hookonce/core"

// Stripe returns the scheme for Stripe webhooks. In the Stripe-Signature
// header, t is the timestamp and v1 is the hex-encoded HMAC-SHA256 of "t.body".
// The key is the whole text of the secret, including whsec_. v0, which test
// mode adds, is ignored. Each attempt has a new timestamp, and the event's id
// in the body identifies the message. Test events all have the id
// evt_00000000000000, so each of their attempts counts as a separate message.
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

// Facts implements [core.Describer].
func (s stripe) Facts() core.Facts { return s.facts(s, nil) }

func (s stripe) ReadBody(r *core.Request, a *core.Attempt) error {
	err := s.templated.ReadBody(r, a)
	// Every test event has this id, so the second test event would count as a redelivery.
	if a.ID == "evt_00000000000000" {
		a.IDSigned, a.Stable = false, a.Stable[:0]
	}
	return err
}
