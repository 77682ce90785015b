package schemes_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/schemes"
	"github.com/hookonce/hookonce/whtest"
)

// rsaSender is a sender with an RSA key, which it shows as a key and in a certificate.
type rsaSender struct{ private *rsa.PrivateKey }

func newRSASender(tb testing.TB) rsaSender {
	tb.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		tb.Fatal(err)
	}
	return rsaSender{key}
}

func (s rsaSender) spki() string {
	der, _ := x509.MarshalPKIXPublicKey(&s.private.PublicKey)
	return base64.StdEncoding.EncodeToString(der)
}

func (s rsaSender) certificate(tb testing.TB) string {
	tb.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(7), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &s.private.PublicKey, s.private)
	if err != nil {
		tb.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}

func (s rsaSender) sign(hash crypto.Hash, text string) string {
	h := hash.New()
	h.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(signPKCS1(s.private, hash, h.Sum(nil)))
}

// fieldSubject is a template and its sender, which is written apart from it.
type fieldSubject struct {
	template         schemes.Template
	secret, stranger string
	sign             sender
}

func fieldSubjects(t *testing.T) map[string]fieldSubject {
	t.Helper()
	mine, other := newRSASender(t), newRSASender(t)
	const iso = "2006-01-02T15:04:05.999999"
	stamped := schemes.Template{
		Name: "acme", Signature: schemes.Header("X-Signature"), Timestamp: schemes.Header("X-Time"), Stamping: core.StampedEachAttempt,
		Content: "{timestamp}.{body}",
	}
	with := func(t schemes.Template, change func(*schemes.Template)) schemes.Template {
		change(&t)
		return t
	}
	body := schemes.Template{Name: "acme", Signature: schemes.Header("X-Signature"), Content: "{body}"}
	at := func(format func(time.Time) string) sender {
		return func(secret, _ string, at time.Time, content []byte) *core.Request {
			return request(string(content), "X-Time", format(at), "X-Signature", hexMAC(secret, format(at)+"."+string(content)))
		}
	}
	encoded := func(enc *base64.Encoding) sender {
		return func(secret, _ string, _ time.Time, content []byte) *core.Request {
			return request(string(content), "X-Signature", enc.EncodeToString(mac(sha256.New, secret, string(content))))
		}
	}
	return map[string]fieldSubject{
		"RSA with SHA-256": {
			with(body, func(t *schemes.Template) {
				t.Algorithm, t.Secret, t.Encoding = schemes.RSASHA256, schemes.Base64Text, core.Base64
			}),
			mine.spki(), other.spki(), func(_, _ string, _ time.Time, content []byte) *core.Request {
				return request(string(content), "X-Signature", mine.sign(crypto.SHA256, string(content)))
			},
		},
		"RSA with SHA-512 and a certificate": {
			with(body, func(t *schemes.Template) {
				t.Algorithm, t.Secret, t.Encoding = schemes.RSASHA512, schemes.Base64Text, core.Base64
			}),
			mine.certificate(t), other.certificate(t), func(_, _ string, _ time.Time, content []byte) *core.Request {
				return request(string(content), "X-Signature", mine.sign(crypto.SHA512, string(content)))
			},
		},
		"a hash of body and secret": {
			with(body, func(t *schemes.Template) { t.Algorithm, t.Content = schemes.SHA256, "{body}{secret}" }),
			secret, stranger, func(secret, _ string, _ time.Time, content []byte) *core.Request {
				sum := sha256.Sum256([]byte(string(content) + secret))
				return request(string(content), "X-Signature", hex.EncodeToString(sum[:]))
			},
		},
		"an HMAC of body and secret": {
			with(body, func(t *schemes.Template) { t.Content = "{body}\n{secret}" }),
			secret, stranger, func(secret, _ string, _ time.Time, content []byte) *core.Request {
				return request(string(content), "X-Signature", hexMAC(secret, string(content)+"\n"+secret))
			},
		},
		"upper-case hexadecimal": {
			with(body, func(t *schemes.Template) { t.Algorithm, t.Encoding = schemes.HMACSHA512, core.HexUpper }),
			secret, stranger, func(secret, _ string, _ time.Time, content []byte) *core.Request {
				return request(string(content), "X-Signature", strings.ToUpper(hex.EncodeToString(mac(sha512.New, secret, string(content)))))
			},
		},
		"base64url without padding": {
			with(body, func(t *schemes.Template) { t.Encoding = core.Base64URL }),
			secret, stranger, encoded(base64.RawURLEncoding),
		},
		"base64url with padding": {
			with(body, func(t *schemes.Template) { t.Encoding = core.Base64URLPadded }),
			secret, stranger, encoded(base64.URLEncoding),
		},
		"base64 without padding": {
			with(body, func(t *schemes.Template) { t.Encoding = core.Base64Unpadded }),
			secret, stranger, encoded(base64.RawStdEncoding),
		},
		"an ISO time without a zone": {
			with(stamped, func(t *schemes.Template) { t.Unit, t.Content = schemes.ISO8601, "{timestamp}:{body}" }),
			secret, stranger, func(secret, _ string, at time.Time, content []byte) *core.Request {
				stamp := at.UTC().Format(iso)
				return request(string(content), "X-Time", stamp, "X-Signature", hexMAC(secret, stamp+":"+string(content)))
			},
		},
		"an HTTP date": {
			with(stamped, func(t *schemes.Template) { t.Unit = schemes.HTTPDate }),
			secret, stranger, at(func(at time.Time) string { return at.UTC().Format(http.TimeFormat) }),
		},
		"a nonce": {
			with(stamped, func(t *schemes.Template) {
				t.Nonce, t.Content = schemes.Header("X-Nonce"), "{timestamp}\n{nonce}\n{body}\n"
			}),
			secret, stranger, func(secret, _ string, at time.Time, content []byte) *core.Request {
				return request(string(content), "X-Time", seconds(at), "X-Nonce", "n-"+seconds(at), "X-Signature",
					hexMAC(secret, seconds(at)+"\nn-"+seconds(at)+"\n"+string(content)+"\n"))
			},
		},
		"a signed header and a signed parameter": {
			with(body, func(t *schemes.Template) { t.Content = "{header:X-Kind};{query:tenant};{body}" }),
			secret, stranger, func(secret, _ string, _ time.Time, content []byte) *core.Request {
				r := request(string(content), "X-Kind", "a.b", "X-Signature", hexMAC(secret, "a.b;x+y&z;"+string(content)))
				r.URL = "/hook?tenant=" + url.QueryEscape("x+y&z")
				return r
			},
		},
		"a signed header with spaces": {
			with(body, func(t *schemes.Template) { t.Content = "{header:Content-Type}\n{body}" }),
			secret, stranger, func(secret, _ string, _ time.Time, content []byte) *core.Request {
				const kind = "application/json; charset=utf-8"
				return request(string(content), "Content-Type", kind, "X-Signature", hexMAC(secret, kind+"\n"+string(content)))
			},
		},
		"a signature in the query": {
			schemes.Template{Name: "acme", Signature: schemes.Query("signature"), Content: "{body}"},
			secret, stranger, func(secret, _ string, _ time.Time, content []byte) *core.Request {
				r := request(string(content))
				r.URL = "/hook?a=1&signature=" + hexMAC(secret, string(content))
				return r
			},
		},
	}
}

func TestTheFieldsOfATemplatePassTheSuite(t *testing.T) {
	t.Parallel()
	for name, s := range fieldSubjects(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scheme, err := s.template.Scheme()
			if err != nil {
				t.Fatal(err)
			}
			whtest.TestScheme(t, whtest.Subject{Scheme: scheme, Secret: s.secret, Stranger: s.stranger, Sign: func(id string, at time.Time, content []byte) *core.Request {
				return s.sign(s.secret, id, at, content)
			}})
		})
	}
}

func TestTheFieldsOfATemplateAreSignedAsTheyAreVerified(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_760_000_000, 0)
	for name, s := range fieldSubjects(t) {
		scheme, err := s.template.Scheme()
		if err != nil {
			t.Fatal(err)
		}
		r := request("{}")
		err = schemes.Sign(scheme, r, "", now, s.secret)
		if strings.HasPrefix(name, "RSA") {
			if !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, err := verifier(t, scheme, now, s.secret).Verify(t.Context(), r); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestASignatureInAnotherEncodingIsRefused(t *testing.T) {
	t.Parallel()
	spell := map[core.Encoding]func([]byte) string{
		core.Hex:             hex.EncodeToString,
		core.HexUpper:        func(b []byte) string { return strings.ToUpper(hex.EncodeToString(b)) },
		core.Base64:          base64.StdEncoding.EncodeToString,
		core.Base64URL:       base64.RawURLEncoding.EncodeToString,
		core.Base64Unpadded:  base64.RawStdEncoding.EncodeToString,
		core.Base64URLPadded: base64.URLEncoding.EncodeToString,
	}
	sum := mac(sha256.New, secret, "body 2") // its base64 has a plus or a slash
	if !strings.ContainsAny(spell[core.Base64](sum), "+/") {
		t.Fatal("the alphabets agree: choose another body")
	}
	for want := range spell {
		s, err := schemes.Template{Name: "acme", Signature: schemes.Header("X-Signature"), Encoding: want, Content: "{body}"}.Scheme()
		if err != nil {
			t.Fatal(err)
		}
		v := verifier(t, s, remoteNow, secret)
		for got, encode := range spell {
			if _, err := v.Verify(t.Context(), request("body 2", "X-Signature", encode(sum))); (err == nil) != (got == want) {
				t.Errorf("encoding %d, signature in encoding %d: %v", want, got, err)
			}
		}
	}
}

func TestAFieldThatCouldBeReadAsTwoMessagesIsRefusedWhenBuilt(t *testing.T) {
	t.Parallel()
	stamped := func(content string, unit schemes.Unit) schemes.Template {
		return schemes.Template{
			Name: "acme", Signature: schemes.Header("X-Signature"), Timestamp: schemes.Header("X-Time"), Unit: unit,
			Stamping: core.StampedEachAttempt, Content: content,
		}
	}
	body := func(change func(*schemes.Template)) schemes.Template {
		t := schemes.Template{Name: "acme", Signature: schemes.Header("X-Signature"), Content: "{body}"}
		change(&t)
		return t
	}
	nonce := stamped("{timestamp}.{nonce}.{body}", schemes.Seconds)
	nonce.Nonce = schemes.Header("X-Nonce")
	if _, err := nonce.Scheme(); err != nil {
		t.Fatal(err)
	}
	bare, once, inside, two := nonce, nonce, nonce, nonce
	bare.Content = "{timestamp}{nonce}.{body}"
	once.Stamping = core.StampedOnce
	inside.Nonce = schemes.JSON("nonce")
	two.Timestamp = schemes.JSON("time")
	unused := nonce
	unused.Content = "{timestamp}.{body}"
	for name, tt := range map[string]struct {
		template schemes.Template
		want     string
	}{
		"a header that nothing ends":           {body(func(t *schemes.Template) { t.Content = "{header:X-Kind}{body}" }), "one signature would fit two messages"},
		"a parameter that nothing ends":        {body(func(t *schemes.Template) { t.Content = "{body}{query:q}" }), "one signature would fit two messages"},
		"a header twice":                       {body(func(t *schemes.Template) { t.Content = "{header:X-A}.{header:x-a}.{body}" }), "twice"},
		"a header without a name":              {body(func(t *schemes.Template) { t.Content = "{header:}.{body}" }), "{header:"},
		"a header that is none":                {body(func(t *schemes.Template) { t.Content = "{header:X Kind}.{body}" }), "not a valid header name"},
		"a nonce that nothing ends":            {bare, "one signature would fit two messages"},
		"a nonce without the time":             {once, "StampedEachAttempt"},
		"a nonce in the body":                  {inside, "signed body"},
		"a nonce and two times":                {two, "at most two"},
		"a nonce that is not signed":           {unused, "must be signed"},
		"a nonce from nowhere":                 {stamped("{timestamp}.{nonce}.{body}", schemes.Seconds), "must be signed"},
		"a time without a zone and its body":   {stamped("{timestamp}{body}", schemes.ISO8601), "differ in length"},
		"a time without a zone and a point":    {stamped("{timestamp}.{body}", schemes.ISO8601), "differ in length"},
		"a time of two lengths behind a body":  {stamped("{body}{timestamp}", schemes.UnixTime), "differ in length"},
		"a time of two lengths behind a digit": {stamped("{body}v0{timestamp}", schemes.UnixTime), "differ in length"},
		"a date behind a method":               {stamped("{method}{timestamp}\n{body}", schemes.HTTPDate), "where {method} begins or ends"},
		"a secret in front":                    {body(func(t *schemes.Template) { t.Content = "{secret}{body}" }), "must be the last part"},
		"a hash without a secret":              {body(func(t *schemes.Template) { t.Algorithm = schemes.SHA256 }), "must end with {secret}"},
		"a secret of a private key": {body(func(t *schemes.Template) {
			t.Algorithm, t.Secret, t.Content = schemes.RSASHA256, schemes.Base64Text, "{body}{secret}"
		}), "private key"},
		"an RSA key as text":        {body(func(t *schemes.Template) { t.Algorithm = schemes.RSASHA256 }), "Base64Text"},
		"an RSA key in hexadecimal": {body(func(t *schemes.Template) { t.Algorithm, t.Secret = schemes.RSASHA512, schemes.HexText }), "Base64Text"},
		"an unsigned id of the URL": {body(func(t *schemes.Template) { t.ID = schemes.Query("id") }), "Content lacks {id}"},
		"signatures in two places":  {body(func(t *schemes.Template) { t.More = []schemes.Field{schemes.Query("s")} }), "all in the query"},
		"a list in the query":       {body(func(t *schemes.Template) { t.Signature, t.List = schemes.Query("s"), "," }), "no lists"},
	} {
		if _, err := tt.template.Scheme(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAValueThatHoldsWhatEndsItIsMalformed(t *testing.T) {
	t.Parallel()
	s, err := schemes.Template{Name: "acme", Signature: schemes.Header("X-Signature"), Content: "{header:X-Kind}.{query:q}.{body}"}.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	send := func(kind, query string) error {
		r := request("body", "X-Signature", hexMAC(secret, kind+"."+query+".body"), "X-Kind", kind)
		r.URL = "/hook?q=" + url.QueryEscape(query)
		_, err := verifier(t, s, remoteNow, secret).Verify(t.Context(), r)
		return err
	}
	if err := send("a", "b"); err != nil {
		t.Error(err)
	}
	for _, values := range [][2]string{{"a.b", "c"}, {"a", "b.c"}, {"a", "b c"}, {"a", strings.Repeat("b", 257)}} {
		if err := send(values[0], values[1]); !errors.Is(err, core.ErrMalformed) {
			t.Errorf("%q: %v", values, err)
		}
	}
	for _, target := range []string{"/hook?q=b&q=b", "/hook?q=b&%71=b", "/hook?q=%zz"} {
		r := request("body", "X-Signature", hexMAC(secret, "a.b.body"), "X-Kind", "a")
		r.URL = target
		if _, err := verifier(t, s, remoteNow, secret).Verify(t.Context(), r); !errors.Is(err, core.ErrMalformed) {
			t.Errorf("%s: %v", target, err)
		}
	}
}

// TestANonceIdentifiesNothing sends a retry with another time, another nonce and the
// same delivery id.
func TestANonceIdentifiesNothing(t *testing.T) {
	t.Parallel()
	s, err := schemes.Template{
		Name: "acme", Signature: schemes.Header("X-Signature"), ID: schemes.Header("X-Delivery"), Timestamp: schemes.Header("X-Time"),
		Nonce: schemes.Header("X-Nonce"), Stamping: core.StampedEachAttempt, Content: "{timestamp}.{nonce}.{body}",
	}.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	v := receive(t, s, 0, secret)
	send := func(nonce string) *core.Request {
		return request("{}", "X-Delivery", "d1", "X-Time", seconds(v.now), "X-Nonce", nonce, "X-Signature", hexMAC(secret, seconds(v.now)+"."+nonce+".{}"))
	}
	v.handles(t, "the first attempt", send("a"), done, nil)
	v.now = v.now.Add(time.Minute)
	v.handles(t, "the retry", send("b"), done, core.ErrRedelivery)
}

// TestACompressedBodyIsDecompressedUpToALimit: what is signed is the body before it
// was compressed.
func TestACompressedBodyIsDecompressedUpToALimit(t *testing.T) {
	t.Parallel()
	send := func(wire, signed string) (core.Message, error) {
		return verifier(t, schemes.Stream(), remoteNow, secret).Verify(t.Context(), request(wire, "X-Signature", hexMAC(secret, signed)))
	}
	if m, err := send(gzipped(`{"a":1}`), `{"a":1}`); err != nil || m.BodySigned {
		t.Errorf("compressed: %v, the bytes are signed: %t", err, m.BodySigned)
	}
	if m, err := send(`{"a":1}`, `{"a":1}`); err != nil || !m.BodySigned {
		t.Errorf("as it is: %v, the bytes are signed: %t", err, m.BodySigned)
	}
	for name, tt := range map[string]struct {
		wire, signed string
		want         error
	}{
		"another body":             {gzipped(`{"a":2}`), `{"a":1}`, core.ErrNoMatch},
		"signed as compressed":     {gzipped(`{"a":1}`), gzipped(`{"a":1}`), core.ErrNoMatch},
		"not gzip behind its mark": {"\x1f\x8bxxxx", "\x1f\x8bxxxx", core.ErrMalformed},
		"cut":                      {gzipped(`{"a":1}`)[:20], `{"a":1}`, core.ErrMalformed},
		"a small bomb":             {gzipped(strings.Repeat("0", 100_000)), strings.Repeat("0", 100_000), core.ErrBodyTooLarge},
		"a bomb":                   {gzipped(strings.Repeat("0", 8<<20+1)), strings.Repeat("0", 8<<20+1), core.ErrBodyTooLarge},
	} {
		if _, err := send(tt.wire, tt.signed); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	v := receive(t, schemes.Stream(), 0, secret)
	v.handles(t, "compressed", request(gzipped("{}"), "X-Signature", hexMAC(secret, "{}")), failed, nil)
	v.handles(t, "as it is, once more", request("{}", "X-Signature", hexMAC(secret, "{}")), done, nil)
	v.handles(t, "and again", request("{}", "X-Signature", hexMAC(secret, "{}")), done, core.ErrRepeated)
}

// TestAFormOfMandrillHasItsEventsAndNothingElse: names and values follow each other
// in the signed text.
func TestAFormOfMandrillHasItsEventsAndNothingElse(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]error{
		"mandrill_events=%5B%5D":                     nil,
		"mandrill_events=%5B%5D&a=b":                 core.ErrMalformed,
		"a=b&mandrill_events=%5B%5D":                 core.ErrMalformed,
		"mandrill_events=%5B%5D&mandrill_events=%5B": core.ErrMalformed,
		"a=b":                       core.ErrMalformed,
		"mandrill_events=%zz":       core.ErrMalformed,
		"mandrill_events=%5B%5D%0A": core.ErrNoMatch,
	} {
		r := request(body, "X-Mandrill-Signature", base64SHA1(secret, public+"mandrill_events[]"))
		if _, err := verifier(t, schemes.Mandrill(public), remoteNow, secret).Verify(t.Context(), r); !errors.Is(err, want) {
			t.Errorf("%q: %v", body, err)
		}
	}
}
