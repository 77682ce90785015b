package schemes

import (
	"net/http"

	"github.com/hookonce/hookonce/core"
)

// Trello is the scheme of Trello: X-Trello-Webhook, HMAC-SHA1 in base64 of the
// body and the callback address, under the secret of the app. address is that
// of the endpoint, whole, as it was registered.
//
// Trello asks for the endpoint with HEAD when the webhook is made. It is
// answered only if handshake says so; the route must take HEAD as well.
//
// The body identifies the message. Nobody says that two events differ in it, so
// a handled message that comes again is not acknowledged. No time of an attempt
// is signed. Neither a library of the sender nor a published vector confirms
// this scheme.
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
