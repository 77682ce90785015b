package schemes_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math/big"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/schemes"
	"github.com/hookonce/hookonce/stores/memstore"
	"github.com/hookonce/hookonce/whtest"
)

const (
	setAddress = "https://keys.example.com/jwks.json"
	setHost    = "keys.example.com"
)

// setSender publishes its keys in a set.
type setSender struct {
	*world

	mu   sync.Mutex
	keys []map[string]any
}

func newSetSender(tb testing.TB, keys ...map[string]any) *setSender {
	tb.Helper()
	s := &setSender{world: newWorld(tb), keys: keys}
	s.page(setAddress, s.serve)
	return s
}

func (s *setSender) serve(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = json.NewEncoder(w).Encode(map[string]any{"keys": s.keys})
}

func (s *setSender) publish(keys ...map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = keys
}

func (s *setSender) scheme(of core.Scheme) core.Scheme {
	return schemes.KeySet(of, schemes.KeySetOptions{Hosts: []string{setHost}, Client: s.client}.InTest(s.now))
}

// published returns a public key in the form of RFC 7517. change adds members,
// or removes those that are nil.
func published(kid string, public any, change map[string]any) map[string]any {
	part := func(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }
	k := map[string]any{"use": "sig"}
	if kid != "" {
		k["kid"] = kid
	}
	switch public := public.(type) {
	case *rsa.PublicKey:
		k["kty"], k["n"], k["e"] = "RSA", part(public.N.Bytes()), part(big.NewInt(int64(public.E)).Bytes())
	case *ecdsa.PublicKey:
		point, err := public.Bytes()
		if err != nil {
			panic(err)
		}
		half := len(point) / 2
		k["kty"], k["crv"], k["x"], k["y"] = "EC", public.Curve.Params().Name, part(point[1:1+half]), part(point[1+half:])
	case ed25519.PublicKey:
		k["kty"], k["crv"], k["x"] = "OKP", "Ed25519", part(public)
	}
	for name, v := range change {
		if k[name] = v; v == nil {
			delete(k, name)
		}
	}
	return k
}

// inURL returns the signature of a key in base64url, as in JWTs.
func (k keyPair) inURL(hash crypto.Hash, text string) string {
	raw := fromBase64(k.signature(hash, text))
	if key, ok := k.Public().(*ecdsa.PublicKey); ok {
		var rs struct{ R, S *big.Int }
		if _, err := asn1.Unmarshal([]byte(raw), &rs); err != nil {
			panic(err)
		}
		size := (key.Curve.Params().BitSize + 7) / 8
		raw = string(append(rs.R.FillBytes(make([]byte, size)), rs.S.FillBytes(make([]byte, size))...))
	}
	return base64.RawURLEncoding.EncodeToString([]byte(raw))
}

// token returns a JWT, with a kid unless that is empty.
func (k keyPair) token(alg, kid string, hash crypto.Hash, claims map[string]any) string {
	header := map[string]any{"alg": alg}
	if kid != "" {
		header["kid"] = kid
	}
	signed := segment(header) + "." + segment(claims)
	return signed + "." + k.inURL(hash, signed)
}

// acmeSet returns a scheme for JWTs with RS256, and a function that signs a
// request under a kid.
func acmeSet(tb testing.TB) (scheme core.Scheme, sign func(k keyPair, kid, id string, at time.Time, body []byte) *core.Request) {
	tb.Helper()
	d := acmeJWT()
	d.Algorithm, d.Secret, d.IDClaim = schemes.RSASHA256, schemes.Base64Text, "jti"
	scheme, err := d.Scheme()
	if err != nil {
		tb.Fatal(err)
	}
	return scheme, func(k keyPair, kid, id string, at time.Time, body []byte) *core.Request {
		return request(string(body), "Authorization", "Bearer "+k.token("RS256", kid, crypto.SHA256, map[string]any{
			"iat": at.Unix(), "hash": hexSum(string(body)), "jti": id,
		}))
	}
}

func TestAKeySetServesEachKindOfScheme(t *testing.T) {
	t.Parallel()
	k := testKeys()
	edKey, _ := k.ed.Signer.(ed25519.PrivateKey)
	p521Key, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p521 := keyPair{Signer: p521Key}
	jwt := func(a schemes.Algorithm) core.Scheme {
		d := acmeJWT()
		d.Algorithm, d.Secret = a, schemes.Base64Text
		s, err := d.Scheme()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	token := func(alg string, k keyPair, kid string, hash crypto.Hash) *core.Request {
		return request("{}", "Authorization", "Bearer "+k.token(alg, kid, hash, map[string]any{"iat": remoteNow.Unix(), "hash": hexSum("{}")}))
	}
	template, err := schemes.Template{
		Name: "acme", Signature: schemes.Header("X-Signature"), Algorithm: schemes.ECDSAP256, Secret: schemes.Base64Text, Encoding: core.Base64, Content: "{body}",
	}.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	rsaTemplate, err := schemes.Template{
		Name: "acme", Signature: schemes.Header("X-Signature"), Algorithm: schemes.RSASHA256, Secret: schemes.Base64Text, Encoding: core.Base64, Content: "{body}",
	}.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	signed := func(alg string, sign msgSign, params string) (core.Scheme, *core.Request) {
		s := webhook(sign)
		s.params = params + `;alg="` + alg + `"`
		return schemes.HTTPSignatures(schemes.SignatureProfile{URL: msgURL}), s.request(remoteNow, []byte("{}"))
	}
	sum := func(text []byte) []byte { s := sha256.Sum256(text); return s[:] }
	v15 := func(base []byte) []byte {
		raw, err := k.rsa.Sign(rand.Reader, sum(base), crypto.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	ed := func(base []byte) []byte { return ed25519.Sign(edKey, base) }
	edScheme, edRequest := signed("ed25519", ed, `;keyid="a@b:c"`)
	rsaScheme, rsaRequest := signed("rsa-v1_5-sha256", v15, `;keyid="r"`)
	v1a := request("{}")
	signer, err := core.NewSigner("whsk_" + base64.StdEncoding.EncodeToString(edKey.Seed()))
	if err != nil {
		t.Fatal(err)
	}
	if err := signer.Sign(asMap(v1a.Header), "msg_1", remoteNow, v1a.Body); err != nil {
		t.Fatal(err)
	}
	tl := request(`{"event_id":"1"}`, "X-Tl-Webhook-Timestamp", "2021-11-29T11:42:55Z")
	signTrueLayer(tl, p521, "p")

	for name, tt := range map[string]struct {
		scheme core.Scheme
		r      *core.Request
		key    map[string]any
		wrong  map[string]any // must not fit
	}{
		"RS256":          {jwt(schemes.RSASHA256), token("RS256", k.rsa, "r", crypto.SHA256), published("r", k.rsa.Public(), nil), map[string]any{"alg": "RS512"}},
		"RS512":          {jwt(schemes.RSASHA512), token("RS512", k.rsa, "r", crypto.SHA512), published("r", k.rsa.Public(), nil), map[string]any{"use": "enc"}},
		"ES256":          {jwt(schemes.ECDSAP256), token("ES256", k.ecdsa, "e", crypto.SHA256), published("e", k.ecdsa.Public(), nil), map[string]any{"alg": "ECDH-ES"}},
		"EdDSA":          {jwt(schemes.Ed25519), token("EdDSA", k.ed, "d", 0), published("d", k.ed.Public(), map[string]any{"alg": "Ed25519"}), map[string]any{"crv": "X25519"}},
		"no kid":         {jwt(schemes.ECDSAP256), token("ES256", k.ecdsa, "", crypto.SHA256), published("e", k.ecdsa.Public(), nil), map[string]any{"key_ops": []string{"deriveKey"}}},
		"a template":     {template, request("{}", "X-Signature", k.ecdsa.signature(crypto.SHA256, "{}")), published("e", k.ecdsa.Public(), nil), map[string]any{"alg": "RS256"}},
		"RFC 9421":       {edScheme, edRequest, published("a@b:c", k.ed.Public(), nil), map[string]any{"kid": "a@b:d"}},
		"RFC 9421, RSA":  {rsaScheme, rsaRequest, published("r", k.rsa.Public(), map[string]any{"alg": "RS256"}), map[string]any{"alg": nil}},
		"v1a":            {core.StandardWebhooks{}, v1a, published("", k.ed.Public(), nil), map[string]any{"kty": "oct", "k": "AA"}},
		"a detached JWS": {schemes.TrueLayer(public), tl, published("p", p521.Public(), nil), map[string]any{"alg": "ES256"}},
		"the older alg":  {jwt(schemes.Ed25519), token("EdDSA", k.ed, "d", 0), published("d", k.ed.Public(), map[string]any{"alg": "EdDSA"}), map[string]any{"alg": "HS256"}},
		"a wrapped one":  {wrapped{jwt(schemes.RSASHA256)}, token("RS256", k.rsa, "r", crypto.SHA256), published("r", k.rsa.Public(), map[string]any{"use": nil}), map[string]any{"alg": "RSA-OAEP"}},
		"a wrapped JWT":  {wrapped{jwt(schemes.RSASHA256)}, token("RS256", k.rsa, "r", crypto.SHA256), published("r", k.rsa.Public(), nil), map[string]any{"alg": "RS512"}},
		"a wrapped template": {
			wrapped{rsaTemplate},
			request("{}", "X-Signature", k.rsa.signature(crypto.SHA256, "{}")),
			published("r", k.rsa.Public(), map[string]any{"alg": "RS256"}),
			map[string]any{"alg": "RS512"},
		},
		"a wrapped RFC 9421": {wrapped{rsaScheme}, rsaRequest, published("r", k.rsa.Public(), map[string]any{"alg": "RS256"}), map[string]any{"alg": nil}},
		"a wrapped v1a":      {wrapped{core.StandardWebhooks{}}, v1a, published("", k.ed.Public(), nil), map[string]any{"kty": "oct", "k": "AA"}},
		"an embedded v1a":    {patient{}, v1a, published("", k.ed.Public(), nil), map[string]any{"kty": "oct", "k": "AA"}},
		"v1a of a sender":    {schemes.CloudEvents(core.StandardWebhooks{}, "a.example"), v1a, published("", k.ed.Public(), nil), map[string]any{"crv": "X25519"}},
		"among many keys":    {jwt(schemes.RSASHA256), token("RS256", k.rsa, "r", crypto.SHA256), published("r", k.rsa.Public(), nil), map[string]any{"n": "AQAB"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			another := map[string]any{"kty": "oct", "k": base64.RawURLEncoding.EncodeToString([]byte(secret)), "kid": tt.key["kid"]}
			s := newSetSender(t, another, map[string]any{"kty": 5}, tt.key, published("other", k.edOther.Public(), nil), published("other", k.rsaOther.Public(), nil))
			v := verifier(t, s.scheme(tt.scheme), remoteNow, setAddress)
			for range 3 {
				if _, err := v.Verify(t.Context(), tt.r); err != nil {
					t.Fatal(err)
				}
			}
			if n := s.total(); n != 1 {
				t.Errorf("%d fetches", n)
			}
			wrong := maps.Clone(tt.key)
			for n, v := range tt.wrong {
				if wrong[n] = v; v == nil {
					delete(wrong, n)
				}
			}
			s = newSetSender(t, wrong)
			if _, err := verifier(t, s.scheme(tt.scheme), remoteNow, setAddress).Verify(t.Context(), tt.r); !errors.Is(err, core.ErrKeysUnavailable) && !errors.Is(err, core.ErrNoMatch) {
				t.Errorf("with %v: %v", tt.wrong, err)
			}
		})
	}
}

// wrapped is a scheme that KeySet does not know.
type wrapped struct{ core.Scheme }

func (w wrapped) Facts() core.Facts { return core.FactsOf(w.Scheme) }

// patient is a scheme of a program that changes one fact of Standard Webhooks.
type patient struct{ core.StandardWebhooks }

func (p patient) Facts() core.Facts {
	f := p.StandardWebhooks.Facts()
	f.Past = time.Hour
	return f
}

func TestAKeySetKeepsTheContractOfSchemes(t *testing.T) {
	t.Parallel()
	k := testKeys()
	scheme, sign := acmeSet(t)
	s := newSetSender(t, published("a", k.rsa.Public(), nil))
	other := strings.Replace(setAddress, "jwks", "other", 1)
	s.text(other, `{"keys":[`+jsonOf(published("a", k.rsaOther.Public(), nil))+`]}`)
	whtest.TestScheme(t, whtest.Subject{
		Scheme: s.scheme(scheme), Secret: setAddress, Stranger: other,
		Sign: func(id string, at time.Time, content []byte) *core.Request { return sign(k.rsa, "a", id, at, content) },
	})
}

func jsonOf(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func TestASetOfANamedSenderMayBeElsewhereIfTheProgramSaysSo(t *testing.T) {
	t.Parallel()
	k := testKeys()
	s := newSetSender(t, published("a", k.rsa.Public(), nil))
	r := request(k.rsa.token("RS256", "a", crypto.SHA256, map[string]any{"event_id": "1", "type": "user.created"}))
	if _, err := schemes.Kinde().ParseKey(setAddress); err == nil {
		t.Error("accepted unasked")
	}
	scheme := s.scheme(schemes.Kinde())
	if m, err := verifier(t, scheme, remoteNow, setAddress).Verify(t.Context(), r); err != nil || m.ID != "1" {
		t.Errorf("%+v, %v", m, err)
	}
	if _, err := scheme.ParseKey("https://acme.kinde.com/.well-known/jwks.json"); err == nil {
		t.Error("the sender's own host is still accepted")
	}
	s.publish(published("a", k.rsa.Public(), map[string]any{"alg": "RS512"}))
	s.sleep(25 * time.Hour)
	if _, err := verifier(t, scheme, remoteNow, setAddress).Verify(t.Context(), r); !errors.Is(err, core.ErrKeysUnavailable) {
		t.Errorf("a key for another algorithm: %v", err)
	}
}

func TestStrangersCauseFewFetchesOfASet(t *testing.T) {
	t.Parallel()
	k := testKeys()
	scheme, sign := acmeSet(t)
	s := newSetSender(t, published("a", k.rsa.Public(), nil))
	v := s.verifier(s.scheme(scheme), setAddress)
	forge := func() {
		for i := range 50 {
			if _, err := v.Verify(t.Context(), sign(k.rsaOther, "no-"+strconv.Itoa(i), "1", s.now(), nil)); !errors.Is(err, core.ErrNoMatch) {
				t.Fatalf("a key that does not exist: %v", err)
			}
			if _, err := v.Verify(t.Context(), sign(k.rsaOther, "a", "1", s.now(), nil)); !errors.Is(err, core.ErrNoMatch) {
				t.Fatalf("a known key, signed with another one: %v", err)
			}
		}
	}
	forge()
	if n := s.total(); n != 1 {
		t.Errorf("%d fetches at first", n)
	}
	for range 10 {
		s.sleep(29 * time.Second)
		forge()
	}
	if n := s.total(); n > 6 {
		t.Errorf("%d fetches in five minutes", n)
	}
	s.setDown(true)
	before := s.total()
	for range 10 {
		s.sleep(29 * time.Second)
		forge()
		if _, err := v.Verify(t.Context(), sign(k.rsa, "a", "2", s.now(), nil)); err != nil {
			t.Fatalf("a known key, while the set cannot be fetched: %v", err)
		}
	}
	if n := s.total() - before; n > 6 {
		t.Errorf("%d fetches in five minutes of an outage", n)
	}
	s.sleep(25 * time.Hour)
	before = s.total()
	for i := range 60 {
		if _, err := v.Verify(t.Context(), sign(k.rsaOther, "no-"+strconv.Itoa(i), "1", s.now(), nil)); !errors.Is(err, core.ErrKeysUnavailable) {
			t.Fatalf("without a set: %v", err)
		}
		s.sleep(time.Second)
	}
	if n := s.total() - before; n != 12 {
		t.Errorf("%d fetches in a minute without a set, want one every five seconds", n)
	}
}

func TestAKeyIsFoundWhenItIsPublishedAndNoLongerTakenWhenItIsWithdrawn(t *testing.T) {
	t.Parallel()
	k := testKeys()
	scheme, sign := acmeSet(t)
	s := newSetSender(t, published("a", k.rsa.Public(), nil))
	v := s.verifier(s.scheme(scheme), setAddress)
	verify := func(key keyPair, kid string) error {
		_, err := v.Verify(t.Context(), sign(key, kid, "1", s.now(), nil))
		return err
	}
	if err := verify(k.rsa, "a"); err != nil {
		t.Fatal(err)
	}
	s.publish(published("b", k.rsaOther.Public(), nil))
	s.sleep(31 * time.Second)
	if err := verify(k.rsa, "a"); err != nil {
		t.Errorf("the old key, while the set is kept: %v", err)
	}
	if err := verify(k.rsaOther, "b"); err != nil {
		t.Errorf("the new key: %v", err)
	}
	if err := verify(k.rsa, "a"); !errors.Is(err, core.ErrNoMatch) {
		t.Errorf("the old key, after the set was fetched: %v", err)
	}
	s.publish(published("c", k.rsa.Public(), nil))
	s.sleep(61 * time.Minute)
	if err := verify(k.rsaOther, "b"); !errors.Is(err, core.ErrNoMatch) {
		t.Errorf("a key that was withdrawn an hour ago: %v", err)
	}
}

// oneKeySet serves a set of one key. verify verifies a new message under it.
func oneKeySet(t *testing.T) (s *setSender, verify func() error) {
	t.Helper()
	k := testKeys()
	scheme, sign := acmeSet(t)
	s = newSetSender(t, published("a", k.rsa.Public(), nil))
	v := s.verifier(s.scheme(scheme), setAddress)
	return s, func() error {
		_, err := v.Verify(t.Context(), sign(k.rsa, "a", "1", s.now(), nil))
		return err
	}
}

func TestASetThatCannotBeFetchedIsGoodForADay(t *testing.T) {
	t.Parallel()
	s, verify := oneKeySet(t)
	s.setDown(true)
	if err := verify(); !errors.Is(err, core.ErrKeysUnavailable) || !strings.Contains(err.Error(), setHost) {
		t.Errorf("before the first fetch: %v", err)
	}
	s.setDown(false)
	s.sleep(6 * time.Second)
	if err := verify(); err != nil {
		t.Fatal(err)
	}
	s.setDown(true)
	s.sleep(23 * time.Hour)
	if err := verify(); err != nil {
		t.Errorf("after 23 hours: %v", err)
	}
	s.sleep(2 * time.Hour)
	if err := verify(); !errors.Is(err, core.ErrKeysUnavailable) {
		t.Errorf("after 25 hours: %v", err)
	}
}

// Otherwise one failure would keep a withdrawn key valid for another hour.
func TestASetThatCouldNotBeFetchedAgainIsSoonTriedAgain(t *testing.T) {
	t.Parallel()
	s, verify := oneKeySet(t)
	if err := verify(); err != nil {
		t.Fatal(err)
	}
	s.publish(published("b", testKeys().rsaOther.Public(), nil))
	s.setDown(true)
	s.sleep(61 * time.Minute)
	before := s.total()
	for range 60 {
		if err := verify(); err != nil {
			t.Fatalf("while the set cannot be fetched: %v", err)
		}
		s.sleep(10 * time.Second)
	}
	if n := s.total() - before; n < 9 || n > 11 {
		t.Errorf("%d fetches in ten minutes, want one a minute", n)
	}
	s.setDown(false)
	s.sleep(time.Minute)
	if err := verify(); !errors.Is(err, core.ErrNoMatch) {
		t.Errorf("a withdrawn key, a minute after the set can be fetched again: %v", err)
	}
}

func TestAFetchThatHangsKeepsNobodyFromAKnownKey(t *testing.T) {
	t.Parallel()
	k := testKeys()
	scheme, sign := acmeSet(t)
	s := newSetSender(t, published("a", k.rsa.Public(), nil))
	v := core.Must(core.New(core.Secrets(setAddress), memstore.New(), &core.Config{Scheme: s.scheme(scheme), Clock: s.now, KeyTimeout: time.Minute}))
	if _, err := v.Verify(t.Context(), sign(k.rsa, "a", "1", s.now(), nil)); err != nil {
		t.Fatal(err)
	}
	hang := func(when string) {
		t.Helper()
		asked, end := make(chan struct{}), make(chan struct{})
		var forger sync.WaitGroup
		defer forger.Wait()
		defer close(end)
		s.page(setAddress, func(http.ResponseWriter, *http.Request) { close(asked); <-end })
		forger.Go(func() {
			_, _ = v.Verify(t.Context(), sign(k.rsaOther, "no", "1", s.now(), nil))
		})
		select {
		case <-asked:
		case <-time.After(5 * time.Second):
			t.Fatalf("%s: an unknown key is not looked for", when)
		}
		began := time.Now()
		if _, err := v.Verify(t.Context(), sign(k.rsa, "a", "2", s.now(), nil)); err != nil || time.Since(began) > 5*time.Second {
			t.Errorf("%s: after %v: %v", when, time.Since(began), err)
		}
	}
	s.sleep(time.Minute)
	hang("a set that is kept")
	s.setDown(true)
	s.sleep(time.Hour)
	if _, err := v.Verify(t.Context(), sign(k.rsa, "a", "3", s.now(), nil)); err != nil {
		t.Fatal(err)
	}
	s.setDown(false)
	s.sleep(time.Minute)
	hang("an older one, since the last fetch failed")
}

func TestSetsThatAreNotAccepted(t *testing.T) {
	t.Parallel()
	k := testKeys()
	scheme, sign := acmeSet(t)
	good := jsonOf(published("a", k.rsa.Public(), nil))
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	key := func(change map[string]any) string {
		return `{"keys":[` + jsonOf(published("a", k.rsa.Public(), change)) + `]}`
	}
	for name, page := range map[string]http.HandlerFunc{
		"no JSON":         write("<html>"),
		"no keys":         write(`{"keys":[]}`),
		"no set":          write(good),
		"too long":        write(`{"keys":[` + good + `]}` + strings.Repeat(" ", 64<<10)),
		"too many keys":   write(`{"keys":[` + strings.Repeat(good+",", 16) + good + `]}`),
		"a redirect":      func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/more.json", http.StatusFound) },
		"not found":       http.NotFound,
		"a short key":     write(`{"keys":[` + jsonOf(published("a", &small.PublicKey, nil)) + `]}`),
		"a long key":      write(key(map[string]any{"n": strings.Repeat("____", 400)})),
		"an even e":       write(key(map[string]any{"e": "Ag"})),
		"e is one":        write(key(map[string]any{"e": "AQ"})),
		"another use":     write(key(map[string]any{"use": "enc"})),
		"another alg":     write(key(map[string]any{"alg": "RS384"})),
		"an HMAC's alg":   write(key(map[string]any{"alg": "HS256"})),
		"for another use": write(key(map[string]any{"key_ops": []string{"encrypt"}})),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSetSender(t)
			s.text("https://keys.example.com/more.json", `{"keys":[`+good+`]}`)
			s.page(setAddress, page)
			v := s.verifier(s.scheme(scheme), setAddress)
			if _, err := v.Verify(t.Context(), sign(k.rsa, "a", "1", s.now(), nil)); !errors.Is(err, core.ErrKeysUnavailable) {
				t.Errorf("%v", err)
			}
		})
	}
	s := newSetSender(t)
	s.page(setAddress, write(key(nil)))
	if _, err := s.verifier(s.scheme(scheme), setAddress).Verify(t.Context(), sign(k.rsa, "a", "1", s.now(), nil)); err != nil {
		t.Errorf("the key that all of them are changed from: %v", err)
	}
}

func write(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
}

// A token with HS256 must not verify with a public key as its secret, nor with
// a secret in the set.
func TestASetHoldsNoSharedSecret(t *testing.T) {
	t.Parallel()
	k := testKeys()
	scheme, _ := acmeSet(t)
	s := newSetSender(t, published("a", k.rsa.Public(), nil), map[string]any{"kty": "oct", "k": base64.RawURLEncoding.EncodeToString([]byte(secret)), "kid": "a"})
	v := s.verifier(s.scheme(scheme), setAddress)
	der, _ := x509.MarshalPKIXPublicKey(k.rsa.Public())
	for _, key := range []string{secret, k.rsa.public, string(der)} {
		r := request("{}", "Authorization", "Bearer "+hs256(key, map[string]any{"iat": s.now().Unix(), "hash": hexSum("{}"), "jti": "1"}))
		if _, err := v.Verify(t.Context(), r); !errors.Is(err, core.ErrMalformed) {
			t.Errorf("%v", err)
		}
	}
	signer, err := core.NewSigner("whsec_" + k.ed.public)
	if err != nil {
		t.Fatal(err)
	}
	v1 := newSetSender(t, published("", k.ed.Public(), nil))
	r := request("{}")
	if err := signer.Sign(asMap(r.Header), "msg_1", remoteNow, r.Body); err != nil {
		t.Fatal(err)
	}
	if _, err := v1.verifier(v1.scheme(core.StandardWebhooks{}), setAddress).Verify(t.Context(), r); !errors.Is(err, core.ErrNoMatch) {
		t.Errorf("v1 under the public key: %v", err)
	}
}

// ownKinds is a custom scheme that reads plain base64 as a shared secret.
type ownKinds struct{ core.StandardWebhooks }

func (ownKinds) ParseKey(text string) (core.VerifyKey, error) {
	if public, ok := strings.CutPrefix(text, "public:"); ok {
		return core.StandardWebhooks{}.ParseKey("whpk_" + public)
	}
	return core.StandardWebhooks{}.ParseKey("whsec_" + text)
}

func TestAKeyOfASetIsNoSharedSecretOfASchemeOfTheProgramEither(t *testing.T) {
	t.Parallel()
	k := testKeys()
	s := newSetSender(t, published("", k.ed.Public(), nil))
	signer, err := core.NewSigner("whsec_" + k.ed.public)
	if err != nil {
		t.Fatal(err)
	}
	r := request("{}")
	if err := signer.Sign(asMap(r.Header), "msg_1", remoteNow, r.Body); err != nil {
		t.Fatal(err)
	}
	if _, err := s.verifier(s.scheme(ownKinds{}), setAddress).Verify(t.Context(), r); !errors.Is(err, core.ErrKeysUnavailable) || !strings.Contains(err.Error(), "no key that fits this scheme (keys in the set: 1)") {
		t.Errorf("signed with the public key as a secret: %v", err)
	}
}

// bodyKinds is one that Any takes as a member.
type bodyKinds struct{ ownKinds }

func (bodyKinds) Facts() core.Facts       { return core.Facts{PublicKeys: true, IdentifiedBy: "{body}"} }
func (bodyKinds) Name() string            { return "own" }
func (bodyKinds) Stamping() core.Stamping { return core.NotStamped }

func TestATextIsNotASharedSecretOfOneMemberAndAPublicKeyOfAnother(t *testing.T) {
	t.Parallel()
	signed, err := schemes.Template{
		Name: "signed", Signature: schemes.Header("X-Signed"), Algorithm: schemes.Ed25519, Secret: schemes.Base64Text, Content: "{body}",
	}.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	both, err := schemes.Any("moving", signed, bodyKinds{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := both.ParseKey(testKeys().ed.public); err == nil || !strings.Contains(err.Error(), "own would read this text as a shared secret, and signed as a public key") {
		t.Errorf("a public key: %v", err)
	}
	for _, text := range []string{"public:" + testKeys().ed.public, base64.StdEncoding.EncodeToString([]byte("a secret of 42 bytes, like any other secret"))} {
		if _, err := both.ParseKey(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestAddressesOfSetsAreThoseThatAreAllowed(t *testing.T) {
	t.Parallel()
	scheme, _ := acmeSet(t)
	hosts := func(hosts ...string) core.Scheme { return schemes.KeySet(scheme, schemes.KeySetOptions{Hosts: hosts}) }
	s := hosts(setHost, ".tenants.example.com")
	for _, address := range []string{setAddress, "https://acme.tenants.example.com/jwks", "https://keys.example.com/a?b=c", testKeys().rsa.public} {
		if _, err := s.ParseKey(address); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, address := range []string{
		"http://keys.example.com/jwks.json", "https://keys.example.com:8443/jwks.json", "https://169.254.169.254/latest", "https://evil.example.com/jwks.json",
		"https://keys.example.com.evil.com/jwks.json", "https://evil.com/keys.example.com", "https://a@keys.example.com/", "https://keys.example.com@evil.com/",
		"https://Keys.example.com/", "https://tenants.example.com/", "https://xtenants.example.com/", "https://keys.example.com/#a", "https://keys.example.com/%2e%2e/",
		"https://", "https://localhost/", "file:///etc/passwd", "HTTPS://keys.example.com/jwks.json", " https://keys.example.com/jwks.json",
	} {
		if _, err := s.ParseKey(address); err == nil {
			t.Errorf("%s is accepted", address)
		}
	}
	shared, err := acmeJWT().Scheme()
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]core.Scheme{
		"no host": hosts(), "an empty host": hosts(""), "all hosts": hosts("."), "a top-level domain": hosts("com"), "an address": hosts("https://keys.example.com"),
		"a port": hosts("keys.example.com:1"), "capitals": hosts("Keys.example.com"), "a path": hosts("keys.example.com/a"),
		"a shared secret": schemes.KeySet(shared, schemes.KeySetOptions{Hosts: []string{setHost}}),
	} {
		if core.FactsOf(bad).Mistake == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	r := request("{}")
	if err := schemes.Sign(schemes.KeySet(core.StandardWebhooks{}, schemes.KeySetOptions{Hosts: []string{setHost}}), r, "", time.Now(), setAddress); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("signing with an address: %v", err)
	}
}

// The address is the secret, and its query may be the token of an account. So
// no error may contain the query.
func TestNoErrorOfAKeySetHasTheQueryOfItsAddress(t *testing.T) {
	t.Parallel()
	of, sign := acmeSet(t)
	s := newSetSender(t)
	r := sign(testKeys().rsa, "r", "evt_1", s.now(), []byte("{}"))
	away := &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF })}
	text := func(body string) *http.Client {
		return &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(body))}, nil
		})}
	}
	for name, client := range map[string]*http.Client{"not found": s.client, "away": away, "no set": text("<html>"), "no key": text(`{"keys":[]}`)} {
		scheme := schemes.KeySet(of, schemes.KeySetOptions{Hosts: []string{setHost}, Client: client}.InTest(s.now))
		key, err := scheme.ParseKey("https://" + setHost + "/none.json?token=hunter2")
		if err != nil {
			t.Fatal(err)
		}
		a := new(core.Attempt)
		if err := errors.Join(scheme.ReadHeader(r, a), scheme.ReadBody(r, a)); err != nil {
			t.Fatal(err)
		}
		_, err = key.Verify(t.Context(), a)
		if err == nil || !strings.Contains(err.Error(), "https://"+setHost+"/none.json") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
		if name == "away" && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("the cause is lost: %v", err)
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
