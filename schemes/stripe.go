package schemes

import (
	"errors"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/apikey"
)

// Stripe returns the scheme for Stripe webhooks. In the Stripe-Signature
// header, t is the timestamp and v1 is the hex-encoded HMAC-SHA256 of "t.body".
// The key is the whole text of the secret, including whsec_. A key for Stripe's
// API, such as sk_live_…, is rejected. v0, which test mode adds, is ignored.
// Each attempt has a new timestamp, and the event's id in the body identifies
// the message. Test events all have the id evt_00000000000000, so each of their
// attempts counts as a separate message.
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

// ParseKey implements [core.Scheme].
func (s stripe) ParseKey(secret string) (core.VerifyKey, error) {
	if apikey.Is(secret) {
		return nil, errors.New("this is a key for Stripe's API, which signs no webhooks: use the endpoint's signing secret, which starts with whsec_")
	}
	return s.templated.ParseKey(secret)
}

func (s stripe) ReadBody(r *core.Request, a *core.Attempt) error {
	err := s.templated.ReadBody(r, a)
	// Every test event has this id, so the second test event would count as a redelivery.
	if a.ID == "evt_00000000000000" {
		a.IDSigned, a.Stable = false, a.Stable[:0]
	}
	return err
}
