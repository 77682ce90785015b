package schemes

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"

	"github.com/hookonce/hookonce/core"
)

// Meta is the scheme of Facebook, Instagram and WhatsApp: X-Hub-Signature-256,
// HMAC-SHA256 of the body under the app secret. The body identifies the
// message; Meta may put the events of one that failed together in another way.
// A notification with changed_fields says what changed and when, in seconds,
// and no value: two changes within a second have one body. So a handled one
// that comes again is not acknowledged. No time of an attempt is signed.
//
// verifyToken is the token typed in at Meta: the GET request with which it asks
// for the endpoint is answered then, and refused with another token. Empty: it
// is not answered. The route must take GET as well. Neither a library of the
// sender nor a published vector confirms this scheme.
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
	a.Indistinct = bytes.Contains(r.Body, []byte(`"changed_fields"`)) // in a string, its quotes would be escaped
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

// handshakeToken is nil for no token.
func handshakeToken(token string) func(string) bool {
	if token == "" {
		return nil
	}
	return tokenEquals(token)
}

// query is that of the request, if it can be read.
func query(r *core.Request) (url.Values, bool) {
	_, text, _ := strings.Cut(r.URL, "?")
	q, err := url.ParseQuery(text)
	return q, err == nil
}
