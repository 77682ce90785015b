package schemes

import (
	"net/http"

	"github.com/hookonce/hookonce/core"
)

// Trello is the scheme of Trello: X-Trello-Webhook, HMAC-SHA1 in base64 of the
// body and the callback address, under the secret of the app. address is the
// complete address of the endpoint as registered.
//
// Trello verifies the endpoint by HEAD when the webhook is created. handshake
// says whether to respond; the route must accept HEAD as well.
//
// The body identifies the message. Whether two events can have the same body is
// unknown, so a redelivery is not acknowledged. Attempts have no signed
// timestamp. This scheme has not been tested against an official library or a
// published test vector.
//
// Source: www.npmjs.com/package/n8n-nodes-base/v/2.41.2, as of November 2026.
func Trello(address string, handshake Handshake) core.Scheme {
	s, err := Template{
		Name: "trello", Signature: Header("X-Trello-Webhook"), Algorithm: HMACSHA1, Encoding: core.Base64, URL: address,
		Indistinct: true,
		Content:    "{body}{url}",
	}.build()
	if err != nil {
		return unusable{"trello", err}
	}
	return trello{s, handshake}
}

type trello struct {
	*templated

	handshake Handshake
}

// Facts implements [core.Describer].
func (s trello) Facts() core.Facts {
	f := s.facts(s, nil)
	f.At = func(url string) core.Scheme { return Trello(url, s.handshake) }
	f.Handshake = func(r *core.Request) *core.Answer {
		if s.handshake == AnswerHandshakes && r.Method == http.MethodHead && bare(f, r.Header) {
			return received()
		}
		return nil
	}
	return f
}
