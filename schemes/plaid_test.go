package schemes_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/schemes"
	"github.com/hookonce/hookonce/whtest"
)

const (
	plaidSecret = "5f1c2a9e6b7d4e8f00000001:5d7a0c2f4b8e4a6f9c1d3e5f7a9b1c"
	plaidOther  = "5f1c2a9e6b7d4e8f00000002:0d7a0c2f4b8e4a6f9c1d3e5f7a9b1c"
	plaidKid    = "bfbd5111-8e33-4643-8ced-b2e642a72f3c"
	plaidKeys   = "https://production.plaid.com/webhook_verification_key/get"
)

// segment is a part of a JWT.
func segment(v any) string {
	text, ok := v.(string)
	if !ok {
		raw, _ := json.Marshal(v)
		text = string(raw)
	}
	return base64.RawURLEncoding.EncodeToString([]byte(text))
}

type plaidSender struct {
	*world

	key     *ecdsa.PrivateKey
	expired any               // of the key
	change  map[string]string // of the key's description
}

func newPlaid(tb testing.TB) *plaidSender {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	s := &plaidSender{world: newWorld(tb), key: key}
	s.page(plaidKeys, s.serve)
	return s
}

func (s *plaidSender) serve(w http.ResponseWriter, r *http.Request) {
	var q map[string]string
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil || r.Method != http.MethodPost ||
		r.Header.Get("Content-Type") != "application/json" || len(q) != 3 {
		http.Error(w, "{}", http.StatusBadRequest)
		return
	}
	switch credentials := q["client_id"] + ":" + q["secret"]; {
	case credentials != plaidSecret && credentials != plaidOther:
		http.Error(w, `{"error_code":"INVALID_API_KEYS"}`, http.StatusBadRequest)
	case q["key_id"] != plaidKid || credentials == plaidOther:
		http.Error(w, `{"error_code":"INVALID_WEBHOOK_VERIFICATION_KEY_ID"}`, http.StatusBadRequest)
	default:
		point, _ := s.key.PublicKey.Bytes()
		key := map[string]any{
			"alg": "ES256", "crv": "P-256", "kty": "EC", "use": "sig", "kid": plaidKid, "created_at": 1560466150, "expired_at": s.expired,
			"x": base64.RawURLEncoding.EncodeToString(point[1:33]), "y": base64.RawURLEncoding.EncodeToString(point[33:]),
		}
		for name, v := range s.change {
			key[name] = v
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"key": key, "request_id": "x"})
	}
}

func (s *plaidSender) scheme(now func() time.Time) core.Scheme {
	return schemes.Plaid(schemes.PlaidOptions{Client: s.client}.InTest(now))
}

func plaidHeader() map[string]any {
	return map[string]any{"alg": "ES256", "kid": plaidKid, "typ": "JWT"}
}

func plaidClaims(at time.Time, body []byte) map[string]any {
	sum := sha256.Sum256(body)
	return map[string]any{"iat": at.Unix(), "request_body_sha256": hex.EncodeToString(sum[:])}
}

func (s *plaidSender) token(header, claims any) string {
	signed := segment(header) + "." + segment(claims)
	sum := sha256.Sum256([]byte(signed))
	r, v, err := ecdsa.Sign(rand.Reader, s.key, sum[:])
	if err != nil {
		s.tb.Fatal(err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(append(r.FillBytes(make([]byte, 32)), v.FillBytes(make([]byte, 32))...))
}

func plaidRequest(token string, body []byte) *core.Request {
	return &core.Request{Method: http.MethodPost, URL: "/hook", Body: bytes.Clone(body), Header: http.Header{"Plaid-Verification": {token}}}
}

func (s *plaidSender) sign(_ string, at time.Time, body []byte) *core.Request {
	return plaidRequest(s.token(plaidHeader(), plaidClaims(at, body)), body)
}

func TestPlaidKeepsTheContractOfSchemes(t *testing.T) {
	t.Parallel()
	s := newPlaid(t)
	whtest.TestScheme(t, whtest.Subject{
		// Some cases name many keys that do not exist. The clock advances, so the scheme may look
		// for each.
		Scheme: s.scheme(func() time.Time { s.sleep(2 * time.Second); return s.now() }),
		Secret: plaidSecret, Stranger: plaidOther, Sign: s.sign,
	})
}

func TestPlaidAccepts(t *testing.T) {
	t.Parallel()
	s := newPlaid(t)
	v := s.verifier(s.scheme(s.now), plaidSecret)
	r := s.sign("", remoteNow, []byte(`{"item_id":"x"}`))
	if m, err := v.Verify(t.Context(), r); err != nil || !m.BodySigned || m.IDSigned || !m.Timestamp.Equal(remoteNow) {
		t.Errorf("%+v, %v", m, err)
	}
	if ran, err := handle(v, r); !ran {
		t.Error(err)
	}
	// The second signature that anybody can derive from a valid one.
	token := asMap(r.Header).Get("Plaid-Verification")
	at := strings.LastIndexByte(token, '.') + 1
	raw, _ := base64.RawURLEncoding.DecodeString(token[at:])
	other := new(big.Int).Sub(elliptic.P256().Params().N, new(big.Int).SetBytes(raw[32:]))
	asMap(r.Header).Set("Plaid-Verification", token[:at]+base64.RawURLEncoding.EncodeToString(append(raw[:32:32], other.FillBytes(make([]byte, 32))...)))
	if ran, err := handle(v, r); ran || !errors.Is(err, core.ErrReplay) {
		t.Errorf("s replaced by n-s: handled %t, %v", ran, err)
	}
}

func TestPlaidRefuses(t *testing.T) {
	t.Parallel()
	body := []byte(`{"item_id":"x"}`)
	with := func(m map[string]any, name string, v any) map[string]any {
		m[name] = v
		return m
	}
	header := func(name string, v any) func(*plaidSender) string {
		return func(s *plaidSender) string {
			return s.token(with(plaidHeader(), name, v), plaidClaims(remoteNow, body))
		}
	}
	claim := func(name string, v any) func(*plaidSender) string {
		return func(s *plaidSender) string {
			return s.token(plaidHeader(), with(plaidClaims(remoteNow, body), name, v))
		}
	}
	for name, c := range map[string]struct {
		reason core.Reason
		token  func(s *plaidSender) string
	}{
		"alg none": {core.ErrMalformed, func(*plaidSender) string {
			return segment(with(plaidHeader(), "alg", "none")) + "." + segment(plaidClaims(remoteNow, body)) + "."
		}},
		"alg none with a signature": {core.ErrMalformed, header("alg", "none")},
		"no alg": {core.ErrMalformed, func(s *plaidSender) string {
			h := plaidHeader()
			delete(h, "alg")
			return s.token(h, plaidClaims(remoteNow, body))
		}},
		"HS256 with the public key": {core.ErrMalformed, func(s *plaidSender) string {
			signed := segment(with(plaidHeader(), "alg", "HS256")) + "." + segment(plaidClaims(remoteNow, body))
			point, _ := s.key.PublicKey.Bytes()
			mac := hmac.New(sha256.New, point)
			mac.Write([]byte(signed))
			return signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
		}},
		"HS256 in the dress of ES256": {core.ErrNoMatch, func(s *plaidSender) string {
			signed := segment(plaidHeader()) + "." + segment(plaidClaims(remoteNow, body))
			point, _ := s.key.PublicKey.Bytes()
			mac := hmac.New(sha256.New, point)
			mac.Write([]byte(signed))
			return signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
		}},
		"ES384":              {core.ErrMalformed, header("alg", "ES384")},
		"alg in lower case":  {core.ErrMalformed, header("alg", "es256")},
		"alg as a list":      {core.ErrMalformed, header("alg", []string{"ES256"})},
		"a second Alg":       {core.ErrMalformed, header("Alg", "none")},
		"crit":               {core.ErrMalformed, header("crit", []string{"b64"})},
		"no kid":             {core.ErrMalformed, header("kid", "")},
		"a kid of many":      {core.ErrMalformed, header("kid", strings.Repeat("k", 129))},
		"a kid with a space": {core.ErrMalformed, header("kid", "a b")},
		"a kid that is none": {core.ErrNoMatch, header("kid", "other")},
		"a time as text":     {core.ErrMalformed, claim("iat", "1759997226")},
		"a time in pieces":   {core.ErrMalformed, claim("iat", 1759997226.5)},
		"a time long ago":    {core.ErrOutsideWindow, claim("iat", remoteNow.Add(-6*time.Minute).Unix())},
		"another hash":       {core.ErrNoMatch, claim("request_body_sha256", strings.Repeat("0", 64))},
		"upper case": {core.ErrNoMatch, func(s *plaidSender) string {
			c := plaidClaims(remoteNow, body)
			sum := sha256.Sum256(body)
			c["request_body_sha256"] = strings.ToUpper(hex.EncodeToString(sum[:]))
			return s.token(plaidHeader(), c)
		}},
		"no hash": {core.ErrMalformed, claim("request_body_sha256", nil)},
		"a name twice": {core.ErrMalformed, func(s *plaidSender) string {
			return s.token(`{"alg":"none","alg":"ES256","kid":"`+plaidKid+`"}`, plaidClaims(remoteNow, body))
		}},
		"more behind the header": {core.ErrMalformed, func(s *plaidSender) string {
			return s.token(`{"alg":"ES256","kid":"`+plaidKid+`"}{}`, plaidClaims(remoteNow, body))
		}},
		"claims that are no object": {core.ErrMalformed, func(s *plaidSender) string { return s.token(plaidHeader(), `[]`) }},
		"two parts": {core.ErrMalformed, func(s *plaidSender) string {
			return segment(plaidHeader()) + "." + segment(plaidClaims(remoteNow, body))
		}},
		"four parts": {core.ErrMalformed, func(s *plaidSender) string { return s.token(plaidHeader(), plaidClaims(remoteNow, body)) + ".x" }},
		"padding": {core.ErrMalformed, func(s *plaidSender) string {
			h := segment(`{"alg":"ES256","kid":"` + plaidKid + `"} `)
			return strings.Replace(s.token(`{"alg":"ES256","kid":"`+plaidKid+`"} `, plaidClaims(remoteNow, body)), h, h+"=", 1)
		}},
		"a line break": {core.ErrMalformed, func(s *plaidSender) string { return "\n" + s.token(plaidHeader(), plaidClaims(remoteNow, body)) }},
		"too long":     {core.ErrMalformed, header("x", strings.Repeat("x", 9000))},
		"another key": {core.ErrNoMatch, func(s *plaidSender) string {
			other, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			return (&plaidSender{world: s.world, key: other}).token(plaidHeader(), plaidClaims(remoteNow, body))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newPlaid(t)
			_, err := s.verifier(s.scheme(s.now), plaidSecret).Verify(t.Context(), plaidRequest(c.token(s), body))
			if !errors.Is(err, c.reason) {
				t.Errorf("got %v, want %v", err, c.reason)
			}
		})
	}
}

func TestPlaidKeysThatAreNotAccepted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		set    func(*plaidSender)
		reason core.Reason
	}{
		"good until tomorrow": {func(s *plaidSender) { s.expired = remoteNow.Unix() + 86400 }, ""},
		"expired":             {func(s *plaidSender) { s.expired = remoteNow.Unix() }, core.ErrNoMatch},
		"another curve":       {func(s *plaidSender) { s.change = map[string]string{"crv": "P-384"} }, core.ErrKeysUnavailable},
		"another algorithm":   {func(s *plaidSender) { s.change = map[string]string{"alg": "HS256"} }, core.ErrKeysUnavailable},
		"another name":        {func(s *plaidSender) { s.change = map[string]string{"kid": "x"} }, core.ErrKeysUnavailable},
		"a point elsewhere":   {func(s *plaidSender) { s.change = map[string]string{"x": segment(strings.Repeat("x", 32))} }, core.ErrKeysUnavailable},
		"no JSON": {func(s *plaidSender) {
			s.page(plaidKeys, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") })
		}, core.ErrKeysUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newPlaid(t)
			c.set(s)
			_, err := s.verifier(s.scheme(s.now), plaidSecret).Verify(t.Context(), s.sign("", remoteNow, []byte("{}")))
			if c.reason == "" && err != nil || c.reason != "" && !errors.Is(err, c.reason) {
				t.Errorf("got %v, want %q", err, c.reason)
			}
		})
	}
}

func TestPlaidFetchesAKeyOnce(t *testing.T) {
	t.Parallel()
	s := newPlaid(t)
	v := s.verifier(s.scheme(s.now), plaidSecret)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, err := v.Verify(t.Context(), s.sign("", remoteNow, []byte("{}"))); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := s.count(plaidKeys); n != 1 {
		t.Errorf("%d fetches", n)
	}
	for i := range 100 {
		h := plaidHeader()
		h["kid"] = "no-" + strconv.Itoa(i)
		if _, err := v.Verify(t.Context(), plaidRequest(s.token(h, plaidClaims(remoteNow, []byte("{}"))), []byte("{}"))); err == nil {
			t.Fatal("accepted")
		}
	}
	if n := s.count(plaidKeys); n != 30 {
		t.Errorf("unknown keys make %d fetches a minute", n)
	}
	if _, err := v.Verify(t.Context(), s.sign("", remoteNow, []byte("{}"))); err != nil {
		t.Errorf("the genuine key was displaced: %v", err)
	}
}

func TestPlaidExpiryIsHonouredWhileCached(t *testing.T) {
	t.Parallel()
	s := newPlaid(t)
	s.expired = remoteNow.Unix() + 60
	v := s.verifier(s.scheme(s.now), plaidSecret)
	verify := func() error {
		_, err := v.Verify(t.Context(), s.sign("", s.now(), []byte("{}")))
		return err
	}
	if err := verify(); err != nil {
		t.Error(err)
	}
	s.sleep(time.Minute)
	if err := verify(); !errors.Is(err, core.ErrNoMatch) {
		t.Errorf("the key has expired: %v", err)
	}
}

func TestPlaidOutage(t *testing.T) {
	t.Parallel()
	s := newPlaid(t)
	r := s.sign("", remoteNow, []byte("{}"))
	_, err := s.verifier(s.scheme(s.now), plaidSecret[:len(plaidSecret)-1]+"0").Verify(t.Context(), r)
	if !errors.Is(err, core.ErrKeysUnavailable) || !strings.Contains(err.Error(), "INVALID_API_KEYS") || strings.Contains(err.Error(), plaidSecret[30:50]) {
		t.Errorf("wrong credentials: %v", err)
	}
	v := s.verifier(s.scheme(s.now), plaidSecret)
	s.setDown(true)
	if _, err := v.Verify(t.Context(), r); !errors.Is(err, core.ErrKeysUnavailable) {
		t.Errorf("an outage: %v", err)
	}
	s.setDown(false)
	s.sleep(10 * time.Second)
	if _, err := v.Verify(t.Context(), r); err != nil {
		t.Errorf("after it: %v", err)
	}
}

func TestPlaidSandboxIsAnotherPlace(t *testing.T) {
	t.Parallel()
	const sandbox = "https://sandbox.plaid.com/webhook_verification_key/get"
	s := newPlaid(t)
	s.page(sandbox, s.serve)
	v := s.verifier(schemes.Plaid(schemes.PlaidOptions{Client: s.client, Sandbox: true}.InTest(s.now)), plaidSecret)
	if _, err := v.Verify(t.Context(), s.sign("", remoteNow, []byte("{}"))); err != nil || s.count(sandbox) != 1 || s.count(plaidKeys) != 0 {
		t.Errorf("%v, %d, %d", err, s.count(sandbox), s.count(plaidKeys))
	}
}

func TestPlaidCredentials(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", ":", "a:", ":b", "a", "a:b:c", "a:b c", "a\n:b"} {
		if _, err := schemes.Plaid(schemes.PlaidOptions{}).ParseKey(text); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}
