package schemes

import (
	"net/http"

	"github.com/hookonce/hookonce/core"
)

// Trello returns the scheme for Trello webhooks. The X-Trello-Webhook header
// holds the base64-encoded HMAC-SHA1 of the body and the callback URL,
// concatenated. The key is the app's secret. address is the complete callback
// URL as registered with Trello.
//
// Trello verifies the endpoint with a HEAD request when the webhook is created.
// handshake says whether to respond to it. Register the route for HEAD as well
// as POST.
//
// The body identifies the message. It is not known whether two events can have
// the same body, so a redelivery is refused with [core.ErrRepeated]. Attempts
// have no signed timestamp. This scheme has not been tested against an official
// library or a published test vector.
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
