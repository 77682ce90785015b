package proxies_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	sendersof "github.com/hookonce/hookonce/internal/senders"
	"github.com/hookonce/hookonce/nethttp"
	"github.com/hookonce/hookonce/schemes"
)

// registry is every name that no representative has.
type registry struct {
	senders []sender // what schemes.Sign signs
	// What it cannot sign: the sender has a private key, or sends a token.
	private, tokens []string
	failed          []error // names that should be among the senders
}

// telling are the shapes that a name sends if a representative sends all of them:
// forms, or JSON, and compressed JSON if the scheme need not read it.
func telling() []string {
	return []string{"plain", "query", escapes, jsonOfPHP, "form", oddForm, "gzip"}
}

var registered = sync.OnceValue(func() (all registry) {
	samples := make(map[string]string)
	groups, err := sendersof.Groups()
	if err != nil {
		all.failed = append(all.failed, err)
	}
	for _, g := range groups {
		for _, s := range g.Senders {
			samples[s.Name] = s.Sample
		}
	}
	hand := representatives()
	for _, name := range schemes.Names() {
		if slices.ContainsFunc(hand, func(s sender) bool { return s.name == name }) {
			continue
		}
		s, err := join(name, samples[name])
		switch {
		case err == nil:
			all.senders = append(all.senders, s)
		case !errors.Is(err, errors.ErrUnsupported):
			all.failed = append(all.failed, fmt.Errorf("%s: %w", name, err))
		case s.keepsKey():
			all.private = append(all.private, name)
		default:
			all.tokens = append(all.tokens, name)
		}
	}
	return all
})

// join makes a sender of a name. What it signs is what its scheme says, and what
// it sends are the telling shapes that its scheme accepts.
func join(name, sample string) (sender, error) {
	s := sender{name: name, secret: strings.Repeat("0a1b2c3d", 8), begin: strings.ReplaceAll(sendersof.EveryID, "evt_1", "evt_%d")}
	if sample != "" {
		s.begin = sample
	}
	s.begin = strings.TrimSuffix(s.begin, "}")
	s.scheme = func(address string) (core.Scheme, error) {
		return schemes.New(name, schemes.Settings{
			URL: address, Audience: public, Header: "X-Event-Id", DangerouslyReplayable: true,
		})
	}
	scheme, err := s.scheme(public)
	if err != nil {
		return s, err
	}
	if scheme.Name() == "standard" {
		s.secret = standardSecret
	}
	s.sign = s.signWith(s.secret)
	if s.signs, err = s.kind(); err != nil {
		return s, err
	}
	for _, sh := range shapes() {
		if !slices.Contains(telling(), sh.name) || s.form != sh.form {
			continue
		}
		if _, err := s.arrives(&sh, sh.target); err == nil {
			s.only = append(s.only, sh.name)
		} else if sh.encode == nil {
			return s, fmt.Errorf("%s: %w", sh.name, err)
		}
	}
	if !s.brief() {
		return s, errors.New("it sends none of the telling shapes")
	}
	return s, nil
}

// keepsKey reports whether the receiver has public keys only.
func (s *sender) keepsKey() bool {
	scheme, err := s.scheme(public)
	return err == nil && core.FactsOf(scheme).PublicKeys
}

// kind finds out what a name signs, and whether it sends forms.
func (s *sender) kind() (string, error) {
	plain, query := shapes()[0], shapes()[1]
	r := plain.request(s, 1)
	s.signs = signsWhole
	if err := s.sign(r, time.Now()); err != nil {
		return "", err
	}
	s.form = !json.Valid(r.Body)
	scheme, err := s.scheme(public)
	if err != nil {
		return "", err
	}
	if core.FactsOf(scheme).URL != "" {
		s.signs = signsURL
		if _, err := s.arrives(&query, query.target); err != nil {
			return signsWhole, nil //nolint:nilerr // so it needs more than the origin
		}
		return signsURL, nil
	}
	s.signs = signsBody
	m, err := s.arrives(&query, query.target)
	if err != nil {
		return "", err
	}
	if m.BodySigned {
		return signsBody, nil
	}
	if _, err := s.arrives(&query, plain.target); err != nil {
		return signsParameter, nil //nolint:nilerr // the query was taken off
	}
	return signsValues, nil
}

// arrives signs a request of a shape and hands it to hookonce as it was sent, or
// as it arrives at another target.
func (s *sender) arrives(sh *shape, target string) (m core.Message, err error) {
	to := newReceiver()
	scheme, err := s.scheme(s.address(sh.target, false))
	if err == nil {
		err = to.expect("", s.secret, scheme)
	}
	r := sh.request(s, 1)
	if err == nil {
		err = s.sign(r, time.Now())
	}
	if err != nil {
		return m, err
	}
	if target != sh.target {
		r.URL = target
	}
	q := httptest.NewRequest(r.Method, r.URL, bytes.NewReader(r.Body))
	q.Header = headers(r)
	w, handled := httptest.NewRecorder(), false
	nethttp.New(to.verifier(""))(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		m, handled = nethttp.Message(q), true
	})).ServeHTTP(w, q)
	if !handled {
		return m, fmt.Errorf("refused with %d: %s", w.Code, w.Body)
	}
	return m, nil
}

// A name that cannot be sent fails here: give it a sample in
// internal/senders/senders.json.
func TestEveryNameThatCanBeSignedIsSent(t *testing.T) {
	t.Parallel()
	all := registered()
	for _, err := range all.failed {
		t.Error(err)
	}
	signs := make(map[string]string)
	for _, s := range senders() {
		signs[s.name] = s.signs
	}
	for _, name := range schemes.Names() {
		if signs[name] == "" && !slices.Contains(slices.Concat(all.private, all.tokens), name) {
			t.Errorf("%s is not sent, and the page does not say why", name)
		}
	}
	for name, want := range map[string]string{
		"shopify": signsBody, "hook0": signsBody, "adyen": signsValues, "mailgun": signsValues, "mercadopago": signsParameter, "plivo": signsURL,
		"mandrill": signsWhole,
	} {
		if signs[name] != want {
			t.Errorf("%s is found to sign %q, and signs %s", name, signs[name], want)
		}
	}
}
