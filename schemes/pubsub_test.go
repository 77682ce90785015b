package schemes_test

import (
	"crypto"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/schemes"
	"github.com/hookonce/hookonce/stores/memstore"
	"github.com/hookonce/hookonce/whtest"
)

const (
	pubsubEmail    = "push@my-project.iam.gserviceaccount.com"
	pubsubAudience = "https://example.com/hook"
	pubsubKeys     = "https://www.googleapis.com/oauth2/v3/certs"
	pubsubBody     = `{"message":{"data":"aGVsbG8=","messageId":"2070443601311540"},"subscription":"projects/p/subscriptions/s"}`
)

type pubsubSender struct {
	*world

	key *rsa.PrivateKey
}

func newPubSub(tb testing.TB) *pubsubSender {
	tb.Helper()
	s := &pubsubSender{newWorld(tb), rsaFor(tb, "sender")}
	s.publish("max-age=3600", "kid-1")
	return s
}

func (s *pubsubSender) publish(control string, kids ...string) {
	keys := []map[string]string{{"kty": "EC", "kid": "ec"}}
	for _, kid := range kids {
		keys = append(keys, map[string]string{
			"kty": "RSA", "alg": "RS256", "use": "sig", "kid": kid, "n": base64.RawURLEncoding.EncodeToString(s.key.N.Bytes()),
			"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(s.key.E)).Bytes()),
		})
	}
	s.page(pubsubKeys, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "public, "+control+", must-revalidate")
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": keys})
	})
}

func (s *pubsubSender) newVerifier(emails ...string) *core.Verifier {
	return s.verifier(schemes.DangerouslyReplayablePubSub(schemes.PubSubOptions{Audience: pubsubAudience, Client: s.client}.InTest(s.now)), emails...)
}

func pubsubHeader() map[string]any {
	return map[string]any{"alg": "RS256", "kid": "kid-1", "typ": "JWT"}
}

func (s *pubsubSender) claims() map[string]any {
	return map[string]any{
		"iss": "https://accounts.google.com", "aud": pubsubAudience, "email": pubsubEmail, "email_verified": true,
		"exp": s.now().Add(time.Hour).Unix(), "iat": s.now().Unix(), "sub": "1",
	}
}

func (s *pubsubSender) token(header, claims any) string {
	signed := segment(header) + "." + segment(claims)
	sum := sha256.Sum256([]byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(signPKCS1(s.key, crypto.SHA256, sum[:]))
}

func pubsubRequest(authorization string) *core.Request {
	return &core.Request{Method: http.MethodPost, URL: "/hook", Body: []byte(pubsubBody), Header: http.Header{"Authorization": {authorization}}}
}

func (s *pubsubSender) sign() *core.Request {
	return pubsubRequest("Bearer " + s.token(pubsubHeader(), s.claims()))
}

func TestPubSubKeepsTheContractOfSchemes(t *testing.T) {
	t.Parallel()
	s := newPubSub(t)
	// Long, so that no third of it is the end of all addresses, which errors may quote.
	const email = "push-of-messages-to-production@my-project.iam.gserviceaccount.com"
	whtest.TestScheme(t, whtest.Subject{
		Scheme: schemes.DangerouslyReplayablePubSub(schemes.PubSubOptions{Audience: pubsubAudience, Client: s.client}.InTest(s.now)),
		Secret: email, Stranger: "other-" + email,
		Sign: func(_ string, _ time.Time, content []byte) *core.Request {
			claims := s.claims()
			claims["email"] = email
			r := pubsubRequest("Bearer " + s.token(pubsubHeader(), claims))
			r.Body = content
			return r
		},
	})
}

func TestPubSubAcceptsAndSaysThatItCannotTellReplays(t *testing.T) {
	t.Parallel()
	s := newPubSub(t)
	v := s.newVerifier("other@my-project.iam.gserviceaccount.com", pubsubEmail)
	r := s.sign()
	m, err := v.Verify(t.Context(), r)
	if err != nil || !m.Replayable || m.BodySigned || m.IDSigned || m.ID != "2070443601311540" || m.KeyID != "key-2" {
		t.Errorf("%+v, %v", m, err)
	}
	for range 2 {
		if ran, err := handle(v, r); !ran {
			t.Error(err)
		}
	}
	short := s.claims()
	short["iss"] = "accounts.google.com"
	if _, err := v.Verify(t.Context(), pubsubRequest("bearer "+s.token(pubsubHeader(), short))); err != nil {
		t.Error(err)
	}
}

func TestPubSubRefuses(t *testing.T) {
	t.Parallel()
	header := func(name string, v any) func(*pubsubSender) string {
		return func(s *pubsubSender) string {
			h := pubsubHeader()
			h[name] = v
			return "Bearer " + s.token(h, s.claims())
		}
	}
	claim := func(name string, v any) func(*pubsubSender) string {
		return func(s *pubsubSender) string {
			c := s.claims()
			c[name] = v
			return "Bearer " + s.token(pubsubHeader(), c)
		}
	}
	for name, c := range map[string]struct {
		reason        core.Reason
		authorization func(s *pubsubSender) string
	}{
		"nothing":    {core.ErrMissingHeader, func(*pubsubSender) string { return "" }},
		"Basic":      {core.ErrMalformed, func(s *pubsubSender) string { return "Basic " + s.token(pubsubHeader(), s.claims()) }},
		"two spaces": {core.ErrMalformed, func(s *pubsubSender) string { return "Bearer  " + s.token(pubsubHeader(), s.claims()) }},
		"no signature": {core.ErrMalformed, func(s *pubsubSender) string {
			return "Bearer " + segment(pubsubHeader()) + "." + segment(s.claims()) + "."
		}},
		"alg none": {core.ErrMalformed, header("alg", "none")},
		"HS256 with the public key": {core.ErrMalformed, func(s *pubsubSender) string {
			h := pubsubHeader()
			h["alg"] = "HS256"
			signed := segment(h) + "." + segment(s.claims())
			mac := hmac.New(sha256.New, x509.MarshalPKCS1PublicKey(&s.key.PublicKey))
			mac.Write([]byte(signed))
			return "Bearer " + signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
		}},
		"RS512":              {core.ErrMalformed, header("alg", "RS512")},
		"crit":               {core.ErrMalformed, header("crit", []string{"exp"})},
		"another kid":        {core.ErrNoMatch, header("kid", "kid-2")},
		"a kid of EC":        {core.ErrNoMatch, header("kid", "ec")},
		"another issuer":     {core.ErrNoMatch, claim("iss", "https://attacker.example")},
		"another audience":   {core.ErrNoMatch, claim("aud", "https://example.com/other")},
		"several audiences":  {core.ErrNoMatch, claim("aud", []string{pubsubAudience, "https://attacker.example"})},
		"another email":      {core.ErrNoMatch, claim("email", "push@attacker.iam.gserviceaccount.com")},
		"no email":           {core.ErrNoMatch, claim("email", nil)},
		"unverified":         {core.ErrNoMatch, claim("email_verified", false)},
		"verified as a text": {core.ErrNoMatch, claim("email_verified", "true")},
		"expired":            {core.ErrNoMatch, claim("exp", remoteNow.Unix())},
		"no end":             {core.ErrNoMatch, claim("exp", nil)},
		"another key": {core.ErrNoMatch, func(s *pubsubSender) string {
			return "Bearer " + (&pubsubSender{s.world, rsaFor(s.tb, "another")}).token(pubsubHeader(), s.claims())
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newPubSub(t)
			if _, err := s.newVerifier(pubsubEmail).Verify(t.Context(), pubsubRequest(c.authorization(s))); !errors.Is(err, c.reason) {
				t.Errorf("got %v, want %v", err, c.reason)
			}
		})
	}
}

func TestPubSubKeys(t *testing.T) {
	t.Parallel()
	s := newPubSub(t)
	v := s.newVerifier(pubsubEmail)
	verify := func(kid string) error {
		h := pubsubHeader()
		h["kid"] = kid
		_, err := v.Verify(t.Context(), pubsubRequest("Bearer "+s.token(h, s.claims())))
		return err
	}
	fetches := func(want int, what string) {
		t.Helper()
		if n := s.count(pubsubKeys); n != want {
			t.Errorf("%s: %d fetches, want %d", what, n, want)
		}
	}
	for range 3 {
		if err := verify("kid-1"); err != nil {
			t.Fatal(err)
		}
	}
	fetches(1, "the first")
	for i := range 50 {
		if err := verify("no-" + strconv.Itoa(i)); !errors.Is(err, core.ErrNoMatch) {
			t.Fatal(err)
		}
	}
	fetches(1, "unknown names in the first minute")
	s.sleep(time.Minute)
	s.publish("max-age=60", "kid-1", "kid-2")
	if err := verify("kid-2"); err != nil {
		t.Errorf("a new key: %v", err)
	}
	fetches(2, "a new key")
	s.sleep(4 * time.Minute)
	if err := verify("kid-1"); err != nil {
		t.Error(err)
	}
	fetches(2, "an age under five minutes")
	s.setDown(true)
	if err := verify("kid-3"); !errors.Is(err, core.ErrNoMatch) {
		t.Errorf("an unknown name in an outage: %v", err)
	}
	fetches(3, "an unknown name in an outage")
	if err := verify("kid-1"); err != nil {
		t.Errorf("an unknown name displaced the known ones: %v", err)
	}
	s.sleep(2 * time.Minute)
	if err := verify("kid-1"); !errors.Is(err, core.ErrKeysUnavailable) {
		t.Errorf("an outage: %v", err)
	}
	s.setDown(false)
	s.sleep(10 * time.Second)
	if err := verify("kid-1"); err != nil {
		t.Errorf("after it: %v", err)
	}
}

func TestPubSubMaxAge(t *testing.T) {
	t.Parallel()
	for control, want := range map[string]time.Duration{
		"max-age=3600": time.Hour, "max-age=1": 5 * time.Minute, "max-age=999999999": 24 * time.Hour, "max-age=x": 5 * time.Minute, "no-store": 5 * time.Minute,
		"MAX-AGE=3600": time.Hour, "max-age=-5": 5 * time.Minute, "s-maxage=3600": 5 * time.Minute,
	} {
		t.Run(control, func(t *testing.T) {
			t.Parallel()
			s := newPubSub(t)
			s.publish(control, "kid-1")
			v := s.newVerifier(pubsubEmail)
			for i, d := range []time.Duration{0, want - time.Second, time.Second} {
				s.sleep(d)
				if _, err := v.Verify(t.Context(), s.sign()); err != nil {
					t.Fatal(err)
				}
				if n := s.count(pubsubKeys); n != 1+i/2 {
					t.Errorf("step %d: %d fetches", i, n)
				}
			}
		})
	}
}

func TestPubSubSettings(t *testing.T) {
	t.Parallel()
	scheme := schemes.DangerouslyReplayablePubSub(schemes.PubSubOptions{})
	if _, err := core.New(core.Secrets(pubsubEmail), memstore.New(), &core.Config{Scheme: scheme}); !errors.Is(err, core.ErrMisconfigured) {
		t.Errorf("no audience: %v", err)
	}
	scheme = schemes.DangerouslyReplayablePubSub(schemes.PubSubOptions{Audience: "x"})
	for _, email := range []string{
		"", "push", "@", "push@example.com", "a@b@my.iam.gserviceaccount.com", "Push@my.iam.gserviceaccount.com", "@my.iam.gserviceaccount.com",
	} {
		if _, err := scheme.ParseKey(email); err == nil {
			t.Errorf("%q is accepted", email)
		}
	}
}
