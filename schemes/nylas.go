package schemes

import (
	"net/http"

	"github.com/hookonce/hookonce/core"
)

// Nylas returns the scheme for Nylas webhooks. The X-Nylas-Signature header
// holds the hex-encoded HMAC-SHA256 of the body. The key is the webhook secret.
// The notification's id in the body identifies the message. The body also
// contains an attempt counter, so attempts with the same id need only have the
// same type, source, time and data. Without an id, the body identifies the
// message, and a redelivery is refused with [core.ErrRepeated]. Attempts have
// no signed timestamp. Nylas does not retry after most statuses, including 500.
// If the handler fails, respond with 503.
//
// Nylas verifies the endpoint with a GET request that has a challenge, when the
// webhook is created. handshake says whether to respond. The route must accept
// GET as well. This scheme has not been tested against an official library or a
// published test vector.
//
// Source: ngrok.com/docs/integrations/webhooks and
// www.npmjs.com/package/nylas/v/8.4.0, as of November 2026.
func Nylas(handshake Handshake) core.Scheme {
	return nylas{must(Template{
		Name: "nylas", Signature: Header("X-Nylas-Signature"),
		ID: JSON("id"), IDOptional: true, Indistinct: true,
		Stable:  []Field{JSON("type"), JSON("source"), JSON("time"), JSON("data")},
		Content: "{body}",
	}), handshake}
}

type nylas struct {
	*templated

	handshake Handshake
}

// Facts implements [core.Describer].
func (n nylas) Facts() core.Facts {
	f := n.facts(n, nil)
	f.Handshake = func(r *core.Request) *core.Answer {
		q, ok := query(r)
		if n.handshake != AnswerHandshakes || r.Method != http.MethodGet || !ok || !bare(f, r.Header) ||
			len(q["challenge"]) != 1 || !isToken(q.Get("challenge")) {
			return nil
		}
		return plain(q.Get("challenge"))
	}
	return f
}
