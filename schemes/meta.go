package schemes

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"

	"github.com/hookonce/hookonce/core"
)

// Meta returns the scheme for Facebook, Instagram and WhatsApp webhooks. The
// X-Hub-Signature-256 header holds the hex-encoded HMAC-SHA256 of the body. The
// key is the app secret. The body identifies the message. After a failure, Meta
// may group the events differently, which makes another message. A notification
// with changed_fields has the time in seconds and no values, so two changes
// within a second have the same body. A redelivery of such a notification is
// therefore refused with [core.ErrRepeated]. Attempts have no signed timestamp.
//
// verifyToken is the token that you enter at Meta. The endpoint responds to the
// GET request that Meta uses to verify it, and rejects any other token. If
// verifyToken is empty, the endpoint does not respond. The route must accept
// GET as well. This scheme has not been tested against an official library or a
// published test vector.
//
// Source: developers.facebook.com/docs/graph-api/webhooks/getting-started, as
// of August 2026.
func Meta(verifyToken string) core.Scheme {
	return meta{must(Template{
		Name: "meta", Signature: Header("X-Hub-Signature-256"), Label: "sha256=",
		Content: "{body}",
	}), handshakeToken(verifyToken)}
}

type meta struct {
	*templated

	allowed func(token string) bool
}

// Facts implements [core.Describer].
func (m meta) Facts() core.Facts {
	f := m.facts(m, nil)
	f.Handshake = m.answer
	return f
}

// ReadBody implements [core.Scheme].
func (m meta) ReadBody(r *core.Request, a *core.Attempt) error {
	err := m.templated.ReadBody(r, a)
	a.Indistinct = bytes.Contains(r.Body, []byte(`"changed_fields"`)) // inside a string, its quotes would be escaped
	return err
}

func (m meta) answer(r *core.Request) *core.Answer {
	if r.Method != http.MethodGet || m.allowed == nil {
		return nil
	}
	q, ok := query(r)
	if !ok || q.Get("hub.mode") != "subscribe" || len(q.Get("hub.challenge")) > maxChallenge || !m.allowed(q.Get("hub.verify_token")) {
		return refused(http.StatusForbidden)
	}
	return plain(q.Get("hub.challenge"))
}

// handshakeToken returns a function that compares tokens in constant time, or
// nil for no token.
func handshakeToken(token string) func(string) bool {
	if token == "" {
		return nil
	}
	return tokenEquals(token)
}

// query returns the query of the request. ok is false if it cannot be parsed.
func query(r *core.Request) (url.Values, bool) {
	_, text, _ := strings.Cut(r.URL, "?")
	q, err := url.ParseQuery(text)
	return q, err == nil
}
