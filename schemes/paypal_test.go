package schemes_test

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/schemes"
	"github.com/hookonce/hookonce/whtest"
)

const (
	paypalWebhook = "9XL90610J3647323C"
	paypalCertURL = "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-7a8abba8"
)

type paypalSender struct {
	*world

	key *rsa.PrivateKey
}

func newPayPal(tb testing.TB) *paypalSender {
	tb.Helper()
	s := &paypalSender{newWorld(tb), rsaFor(tb, "sender")}
	s.text(paypalCertURL, pemOf(s.root.issue(tb, &s.key.PublicKey, certificate{common: "messageverificationcerts.paypal.com"})))
	return s
}

func (s *paypalSender) scheme(now func() time.Time) core.Scheme {
	return schemes.DangerouslyForgeablePayPal(schemes.PayPalOptions{Client: s.client}.InTest(s.root.pool, now))
}

func (s *paypalSender) sign(id string, at time.Time, body []byte) *core.Request {
	s.tb.Helper()
	stamp := at.UTC().Format(time.RFC3339)
	sum := sha256.Sum256([]byte(id + "|" + stamp + "|" + paypalWebhook + "|" + strconv.FormatUint(uint64(crc32.ChecksumIEEE(body)), 10)))
	sig := signPKCS1(s.key, crypto.SHA256, sum[:])
	return &core.Request{Method: http.MethodPost, URL: "/hook", Body: bytes.Clone(body), Header: http.Header{
		"Paypal-Transmission-Id": {id}, "Paypal-Transmission-Time": {stamp}, "Paypal-Cert-Url": {paypalCertURL},
		"Paypal-Auth-Algo": {"SHA256withRSA"}, "Paypal-Transmission-Sig": {base64.StdEncoding.EncodeToString(sig)},
	}}
}

func TestPayPalKeepsTheContractOfSchemes(t *testing.T) {
	t.Parallel()
	s := newPayPal(t)
	whtest.TestScheme(t, whtest.Subject{
		// Some cases name many certificates that do not exist. The clock advances, so the scheme
		// may look for each.
		Scheme: narrow{s.scheme(func() time.Time { s.sleep(2 * time.Second); return s.now() })},
		Secret: paypalWebhook, Stranger: "9XL90610J3647323D", Sign: s.sign,
	})
}

// forge makes a body with the CRC-32 of another one, as anybody can.
func forge(text, like []byte) []byte {
	table := crc32.IEEETable
	want := ^crc32.ChecksumIEEE(like)
	for range 4 { // backwards through four bytes that are zero
		for i, entry := range table {
			if entry>>24 == want>>24 {
				want = (want^entry)<<8 | uint32(i)
				break
			}
		}
	}
	return binary.LittleEndian.AppendUint32(bytes.Clone(text), want^^crc32.ChecksumIEEE(text))
}

func TestPayPalBodiesCanBeForgedAndAreNotSaidToBeSigned(t *testing.T) {
	t.Parallel()
	s := newPayPal(t)
	genuine := s.sign("d938e770-8046-11e6-8103-6b62a8a99ac4", remoteNow, []byte(`{"id":"WH-1","amount":"1"}`))
	forged := &core.Request{Method: genuine.Method, URL: genuine.URL, Header: genuine.Header}
	forged.Body = forge([]byte(`{"id":"WH-1","amount":"1000000"}`), genuine.Body)
	if crc32.ChecksumIEEE(forged.Body) != crc32.ChecksumIEEE(genuine.Body) || bytes.Equal(forged.Body, genuine.Body) {
		t.Fatal("the test is wrong")
	}
	m, err := s.verifier(s.scheme(s.now), paypalWebhook).Verify(t.Context(), forged)
	if err != nil || m.BodySigned || !m.IDSigned || m.ID != "d938e770-8046-11e6-8103-6b62a8a99ac4" {
		t.Errorf("%+v, %v", m, err)
	}
	for _, order := range [][]*core.Request{{genuine, forged}, {forged, genuine}} {
		v := s.verifier(s.scheme(s.now), paypalWebhook)
		if ran, err := handle(v, order[0]); !ran {
			t.Errorf("the first: %v", err)
		}
		if ran, err := handle(v, order[1]); ran || !errors.Is(err, core.ErrRedelivery) {
			t.Errorf("the second, with another body: handled %t, %v", ran, err)
		}
	}
}

func TestPayPalRefuses(t *testing.T) {
	t.Parallel()
	set := func(name, value string) func(*core.Request) {
		return func(r *core.Request) { asMap(r.Header).Set(name, value) }
	}
	for name, c := range map[string]struct {
		reason core.Reason
		change func(*core.Request)
	}{
		"another body":         {core.ErrNoMatch, func(r *core.Request) { r.Body = []byte("{}") }},
		"another id":           {core.ErrNoMatch, set("Paypal-Transmission-Id", "other")},
		"another time":         {core.ErrNoMatch, set("Paypal-Transmission-Time", "2025-10-09T08:07:07Z")},
		"a time like another":  {core.ErrNoMatch, set("Paypal-Transmission-Time", "2025-10-09T08:07:06.0Z")},
		"an id with a bar":     {core.ErrMalformed, set("Paypal-Transmission-Id", "a|b")},
		"no time":              {core.ErrMalformed, set("Paypal-Transmission-Time", "now")},
		"an old one":           {core.ErrOutsideWindow, set("Paypal-Transmission-Time", "2025-10-05T08:07:06Z")},
		"SHA-1":                {core.ErrMalformed, set("Paypal-Auth-Algo", "SHA1withRSA")},
		"an algorithm in case": {core.ErrMalformed, set("Paypal-Auth-Algo", "sha256WithRSA")},
		"no signature":         {core.ErrMissingHeader, func(r *core.Request) { asMap(r.Header).Del("Paypal-Transmission-Sig") }},
		"an id twice":          {core.ErrMalformed, func(r *core.Request) { asMap(r.Header).Add("Paypal-Transmission-Id", "other") }},
		"a missing certificate": {core.ErrNoMatch, set(
			"Paypal-Cert-Url", "https://api.paypal.com/v1/notifications/certs/CERT-0")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newPayPal(t)
			r := s.sign("id", remoteNow, []byte(`{"id":"WH-1"}`))
			c.change(r)
			if _, err := s.verifier(s.scheme(s.now), paypalWebhook).Verify(t.Context(), r); !errors.Is(err, c.reason) {
				t.Errorf("got %v, want %v", err, c.reason)
			}
		})
	}
}

func TestPayPalFetchesCertificatesFromNowhereElse(t *testing.T) {
	t.Parallel()
	s := newPayPal(t)
	v := s.verifier(s.scheme(s.now), paypalWebhook)
	for _, address := range []string{
		"http://api.paypal.com/cert", "https://api.paypal.com:443/cert", "https://api.paypal.com:8443/cert", "https://paypal.com@attacker.example/cert",
		"https://user@api.paypal.com/cert", "https://api.paypal.com.attacker.example/cert", "https://attackerpaypal.com/cert", "https://API.paypal.com/cert",
		"https://api.paypal.com./cert", "https://attacker.example/api.paypal.com", "https://attacker.example#.paypal.com", "https://attacker.example?.paypal.com",
		"https://attacker.example\\.paypal.com/cert", "https://api.paypal.com/cert?to=x", "https://api.paypal.com/cert#x", "https://.paypal.com@x/",
		"//api.paypal.com/cert", "ftp://api.paypal.com/cert", "https:api.paypal.com/cert", "api.paypal.com/cert",
	} {
		r := s.sign("id", remoteNow, []byte("{}"))
		asMap(r.Header).Set("Paypal-Cert-Url", address)
		if _, err := v.Verify(t.Context(), r); !errors.Is(err, core.ErrMalformed) {
			t.Errorf("%q: %v", address, err)
		}
	}
	if n := s.total(); n != 0 {
		t.Errorf("%d requests were made", n)
	}
}

func TestPayPalBelievesNoOtherCertificate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		issue  func(s *paypalSender) string
		reason core.Reason
	}{
		"a name outside": {func(s *paypalSender) string {
			return pemOf(s.root.issue(s.tb, &s.key.PublicKey, certificate{common: "attackerpaypal.com"}))
		}, core.ErrNoMatch},
		"a common name beside others": {func(s *paypalSender) string {
			return pemOf(s.root.issue(s.tb, &s.key.PublicKey, certificate{common: "x.paypal.com", names: []string{"attacker.example"}}))
		}, core.ErrNoMatch},
		"expired": {func(s *paypalSender) string {
			return pemOf(s.root.issue(s.tb, &s.key.PublicKey, certificate{
				common: "x.paypal.com", from: remoteNow.AddDate(-1, 0, 0), until: remoteNow.Add(-time.Second),
			}))
		}, core.ErrNoMatch},
		"a stranger's": {func(s *paypalSender) string {
			return pemOf(newAuthority(s.tb, "Stranger").issue(s.tb, &s.key.PublicKey, certificate{common: "x.paypal.com"}))
		}, core.ErrNoMatch},
		"another key": {func(s *paypalSender) string {
			return pemOf(s.root.issue(s.tb, &rsaFor(s.tb, "another").PublicKey, certificate{common: "x.paypal.com"}))
		}, core.ErrNoMatch},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newPayPal(t)
			s.text(paypalCertURL, c.issue(s))
			v := s.verifier(s.scheme(s.now), paypalWebhook)
			if _, err := v.Verify(t.Context(), s.sign("id", remoteNow, []byte("{}"))); !errors.Is(err, c.reason) {
				t.Errorf("got %v, want %v", err, c.reason)
			}
		})
	}
}

func TestPayPalOutage(t *testing.T) {
	t.Parallel()
	s := newPayPal(t)
	v := s.verifier(s.scheme(s.now), "8XL90610J3647323C", paypalWebhook)
	r := s.sign("id", remoteNow, []byte("{}"))
	s.setDown(true)
	for range 3 {
		if _, err := v.Verify(t.Context(), r); !errors.Is(err, core.ErrKeysUnavailable) {
			t.Errorf("an outage: %v", err)
		}
	}
	s.setDown(false)
	s.sleep(10 * time.Second)
	for range 3 {
		if m, err := v.Verify(t.Context(), r); err != nil || m.KeyID != "key-2" {
			t.Errorf("after it: %+v, %v", m, err)
		}
	}
	if n := s.count(paypalCertURL); n != 2 {
		t.Errorf("%d fetches", n)
	}
}
