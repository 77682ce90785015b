package schemes

import (
	"net/http"
	"slices"
	"strings"

	"github.com/hookonce/hookonce/core"
)

// WooCommerce returns the scheme for WooCommerce's webhooks. The
// X-WC-Webhook-Signature header holds the base64-encoded HMAC-SHA256 of the
// body.
//
// The body for a created order and the body for an updated order may be the
// same. The body for a deleted resource is only its number. The
// X-WC-Webhook-Delivery-ID and X-WC-Webhook-Topic headers are not signed.
// Together with the body they identify the message, up to the limit in
// [core.Config].Repeats. Two deliveries of one webhook within a second have the
// same delivery id. WooCommerce does not retry. Attempts have no signed
// timestamp.
//
// With [AnswerHandshakes], the endpoint responds with a 200 to the ping for a
// new webhook, an unsigned form "webhook_id=N". This scheme has not been tested
// against an official library or a published test vector.
func WooCommerce(handshake ...Handshake) core.Scheme {
	return wooCommerce{must(Template{
		Name: "woocommerce", Signature: Header("X-WC-Webhook-Signature"), Encoding: core.Base64,
		ID: Header("X-WC-Webhook-Delivery-ID"), IDOptional: true, Indistinct: true, Topic: Header("X-WC-Webhook-Topic"),
		Content: "{body}",
	}), slices.Contains(handshake, AnswerHandshakes)}
}

type wooCommerce struct {
	*templated

	answers bool
}

// Facts implements [core.Describer].
func (w wooCommerce) Facts() core.Facts {
	f := w.facts(w, nil)
	f.AwaitsHandshake, f.AnswerHandshake = w.isPing, answerPing
	return f
}

// isPing recognizes a ping. A message has many X-WC-Webhook-* headers, and a
// ping has none.
func (w wooCommerce) isPing(r *core.Request) bool {
	if !w.answers || r.Method != http.MethodPost || !hasType(r.Header, "application/x-www-form-urlencoded") {
		return false
	}
	// Any of these headers marks a message, so a message without its signature is not a ping.
	for name := range r.Header.Clone() {
		if strings.HasPrefix(name, "X-Wc-Webhook-") {
			return false
		}
	}
	return true
}

// answerPing responds to a body that is only the number of a webhook.
func answerPing(r *core.Request, _ core.VerifyKey) *core.Answer {
	id, ok := strings.CutPrefix(string(r.Body), "webhook_id=")
	if _, number := digits(id); !ok || !number {
		return nil
	}
	return received()
}
