package schemes_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
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

// remoteNow is the time of whtest.TestScheme.
var remoteNow = time.Date(2025, 10, 9, 8, 7, 6, 0, time.UTC)

// world is a fake internet. Every name resolves to it, over TLS under one
// authority. It counts requests.
type world struct {
	tb     testing.TB
	root   *authority // of the servers and of what is signed
	client *http.Client

	mu    sync.Mutex
	clock time.Time
	pages map[string]http.HandlerFunc // by scheme://host/path
	asked map[string]int
	down  bool
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	w := &world{tb: tb, clock: remoteNow, pages: map[string]http.HandlerFunc{}, asked: map[string]int{}}
	w.root = newAuthority(tb, "Root")
	serve := func(scheme string) *httptest.Server {
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			address := scheme + "://" + r.Host + r.URL.Path
			w.mu.Lock()
			w.asked[address]++
			page, down := w.pages[address], w.down
			w.mu.Unlock()
			switch {
			case down:
				http.Error(rw, "down", http.StatusInternalServerError)
			case page == nil:
				http.NotFound(rw, r)
			default:
				page(rw, r)
			}
		}))
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		tb.Cleanup(s.Close)
		return s
	}
	plain, secure := serve("http"), serve("https")
	key := rsaFor(tb, "server")
	secure.TLS = &tls.Config{GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		leaf := w.root.issue(tb, &key.PublicKey, certificate{names: []string{hello.ServerName}, until: time.Now().Add(time.Hour), from: time.Now().Add(-time.Hour)})
		return &tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key}, nil
	}}
	plain.Start()
	secure.StartTLS()
	w.client = &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: w.root.pool},
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			to := secure.Listener.Addr().String()
			if strings.HasSuffix(addr, ":80") {
				to = plain.Listener.Addr().String()
			}
			return new(net.Dialer).DialContext(ctx, network, to)
		},
	}}
	return w
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.clock
}

func (w *world) sleep(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = w.clock.Add(d)
}

func (w *world) setDown(down bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = down
}

func (w *world) page(address string, f http.HandlerFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pages[address] = f
}

func (w *world) text(address, text string) {
	w.page(address, func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, text) })
}

func (w *world) count(address string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked[address]
}

// total returns the number of all requests.
func (w *world) total() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.asked {
		n += c
	}
	return n
}

func (w *world) verifier(s core.Scheme, secrets ...string) *core.Verifier {
	w.tb.Helper()
	store := memstore.New()
	v, err := core.New(core.Secrets(secrets...), store, &core.Config{Scheme: s, Clock: w.now, KeyTimeout: 30 * time.Second, StoreTimeout: 20 * time.Second})
	if err != nil {
		w.tb.Fatal(err)
	}
	return v
}

// handle passes r through v and reports whether the handler would run. The
// handler then succeeds.
func handle(v *core.Verifier, r *core.Request) (ran bool, _ error) {
	d := v.Admit(context.Background(), &core.Request{Method: r.Method, URL: r.URL, Header: r.Header}, remoteBody(r.Body))
	if d.Answer() != nil {
		if d.Err() == nil {
			return false, nil
		}
		return false, d.Err()
	}
	d.Settle(http.StatusOK)
	return true, nil
}

type remoteBody []byte

func (b remoteBody) ReadBody(int64, time.Duration) ([]byte, error) { return b, nil }

// authority issues certificates.
type authority struct {
	cert *x509.Certificate
	key  *rsa.PrivateKey
	pool *x509.CertPool // with nothing else in it
}

var (
	rsaMu   sync.Mutex
	rsaKeys = map[string]*rsa.PrivateKey{}
)

// rsaFor returns the key for a role. Generating keys is slow, so all tests
// share them.
func rsaFor(tb testing.TB, part string) *rsa.PrivateKey {
	tb.Helper()
	rsaMu.Lock()
	defer rsaMu.Unlock()
	if rsaKeys[part] == nil {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			tb.Fatal(err)
		}
		rsaKeys[part] = k
	}
	return rsaKeys[part]
}

func newAuthority(tb testing.TB, name string) *authority {
	tb.Helper()
	a := &authority{key: rsaFor(tb, name), pool: x509.NewCertPool()}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: remoteNow.AddDate(-5, 0, 0), NotAfter: time.Now().AddDate(5, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err != nil {
		tb.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		tb.Fatal(err)
	}
	a.pool.AddCert(a.cert)
	return a
}

type certificate struct {
	common      string
	names       []string
	from, until time.Time
	issuers     []string // addresses
	authority   bool
}

func (a *authority) issue(tb testing.TB, public any, c certificate) *x509.Certificate {
	tb.Helper()
	if c.until.IsZero() {
		c.from, c.until = remoteNow.AddDate(0, -1, 0), remoteNow.AddDate(0, 1, 0)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		tb.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: c.common}, DNSNames: c.names, NotBefore: c.from, NotAfter: c.until,
		KeyUsage: x509.KeyUsageDigitalSignature, IssuingCertificateURL: c.issuers, BasicConstraintsValid: true, IsCA: c.authority,
	}
	if c.authority {
		template.KeyUsage |= x509.KeyUsageCertSign
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, public, a.key)
	if err != nil {
		tb.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	return cert
}

func pemOf(chain ...*x509.Certificate) string {
	var b strings.Builder
	for _, c := range chain {
		_ = pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
	}
	return b.String()
}

const (
	snsTopic   = "arn:aws:sns:us-west-2:123456789012:orders"
	snsOther   = "arn:aws:sns:us-west-2:999999999999:orders"
	snsCertURL = "https://sns.us-west-2.amazonaws.com/SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem"
)

// snsSender signs as SNS does.
type snsSender struct {
	*world

	key *rsa.PrivateKey
}

func newSNS(tb testing.TB) *snsSender {
	tb.Helper()
	s := &snsSender{newWorld(tb), rsaFor(tb, "sender")}
	s.text(snsCertURL, pemOf(s.root.issue(tb, &s.key.PublicKey, certificate{names: []string{"sns.amazonaws.com"}})))
	return s
}

func (s *snsSender) scheme(o schemes.SNSOptions) core.Scheme {
	o.Client = s.client
	return schemes.SNS(o.InTest(s.root.pool, s.now))
}

func (s *snsSender) notification(id string, at time.Time, content string) map[string]any {
	return map[string]any{
		"Type": "Notification", "MessageId": id, "TopicArn": snsTopic, "Subject": "Hello", "Message": content,
		"Timestamp": at.UTC().Format("2006-01-02T15:04:05.000Z"), "SignatureVersion": "2", "SigningCertURL": snsCertURL,
		"UnsubscribeURL":    "https://sns.us-west-2.amazonaws.com/?Action=Unsubscribe",
		"MessageAttributes": map[string]any{"a": map[string]any{"Type": "String", "Value": "b"}},
	}
}

func (s *snsSender) confirmation(at time.Time) map[string]any {
	m := s.notification("165545c9-2a5c-472c-8df2-7ff2be2b3b1b", at, "You have chosen to subscribe to the topic.")
	delete(m, "Subject")
	m["Type"], m["Token"] = "SubscriptionConfirmation", "2336412f37"
	m["SubscribeURL"] = "https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription&TopicArn=" + snsTopic + "&Token=2336412f37"
	return m
}

// sign signs those members of m that SNS signs.
func (s *snsSender) sign(m map[string]any) *core.Request {
	s.tb.Helper()
	var b strings.Builder
	for _, name := range []string{"Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"} {
		if v, ok := m[name].(string); ok {
			b.WriteString(name + "\n" + v + "\n")
		}
	}
	digest, hash := sha256.Sum256([]byte(b.String())), crypto.SHA256
	sum := digest[:]
	if m["SignatureVersion"] == "1" {
		old := sha1.Sum([]byte(b.String()))
		sum, hash = old[:], crypto.SHA1
	}
	m["Signature"] = base64.StdEncoding.EncodeToString(signPKCS1(s.key, hash, sum))
	return s.request(m)
}

func (s *snsSender) request(m map[string]any) *core.Request {
	body, err := json.Marshal(m)
	if err != nil {
		s.tb.Fatal(err)
	}
	return &core.Request{Method: http.MethodPost, URL: "/hook", Body: body, Header: http.Header{
		"Content-Type": {"text/plain; charset=UTF-8"}, "X-Amz-Sns-Message-Type": {"Notification"},
	}}
}

// narrow has a tolerance under an hour, as TestScheme requires.
type narrow struct{ core.Scheme }

func (n narrow) Facts() core.Facts {
	f := core.FactsOf(n.Scheme)
	f.Past, f.Future = 30*time.Minute, 5*time.Minute
	return f
}

func TestSNSKeepsTheContractOfSchemes(t *testing.T) {
	t.Parallel()
	s := newSNS(t)
	whtest.TestScheme(t, whtest.Subject{
		Scheme: narrow{s.scheme(schemes.SNSOptions{})}, Secret: snsTopic, Stranger: snsOther,
		Sign: func(id string, at time.Time, content []byte) *core.Request {
			return s.sign(s.notification(id, at, string(content)))
		},
	})
}

func TestSNSAccepts(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(m map[string]any){
		"a notification":           func(map[string]any) {},
		"one without subject":      func(m map[string]any) { delete(m, "Subject") },
		"line breaks in a message": func(m map[string]any) { m["Message"] = "a\nMessageId\nb\nSubject\nc\n" },
		"an old one that is late":  func(m map[string]any) { m["Timestamp"] = remoteNow.Add(-time.Hour).Format("2006-01-02T15:04:05.000Z") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSNS(t)
			m := s.notification("22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324", remoteNow, "{}")
			change(m)
			got, err := s.verifier(s.scheme(schemes.SNSOptions{}), snsOther, snsTopic).Verify(t.Context(), s.sign(m))
			if err != nil || got.ID != m["MessageId"] || !got.IDSigned || got.BodySigned || got.KeyID != "key-2" {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func TestSNSRefuses(t *testing.T) {
	t.Parallel()
	set := func(name string, value any) func(*snsSender, map[string]any) *core.Request {
		return func(s *snsSender, m map[string]any) *core.Request {
			m[name] = value
			return s.sign(m)
		}
	}
	after := func(name string, value any) func(*snsSender, map[string]any) *core.Request {
		return func(s *snsSender, m map[string]any) *core.Request {
			s.sign(m)
			m[name] = value
			return s.request(m)
		}
	}
	for name, c := range map[string]struct {
		reason core.Reason
		make   func(*snsSender, map[string]any) *core.Request
	}{
		"a changed message":          {core.ErrNoMatch, after("Message", "other")},
		"a changed id":               {core.ErrNoMatch, after("MessageId", "other")},
		"a changed time":             {core.ErrNoMatch, after("Timestamp", "2025-10-09T08:07:07.000Z")},
		"another's topic":            {core.ErrNoMatch, set("TopicArn", snsOther)},
		"SHA-1":                      {core.ErrNoMatch, set("SignatureVersion", "1")},
		"a version 3":                {core.ErrMalformed, set("SignatureVersion", "3")},
		"a version that is a number": {core.ErrMalformed, set("SignatureVersion", 2)},
		"a line break in the id":     {core.ErrMalformed, set("MessageId", "a\nb")},
		"one in the subject":         {core.ErrMalformed, set("Subject", "a\nb")},
		"one in the topic":           {core.ErrMalformed, set("TopicArn", snsTopic+"\n")},
		"a message of another form":  {core.ErrMalformed, set("Message", 5)},
		"a subject that is null":     {core.ErrMalformed, set("Subject", nil)},
		"an unsigned second message": {core.ErrMalformed, after("message", "forged")},
		"one in a third spelling":    {core.ErrMalformed, after("Me\u017fsage", "forged")},
		"an unsigned Token":          {core.ErrMalformed, after("Token", "forged")},
		"an unsigned SubscribeURL":   {core.ErrMalformed, after("SubscribeURL", "https://attacker.example")},
		"no type":                    {core.ErrMalformed, set("Type", "Other")},
		"two hours":                  {core.ErrOutsideWindow, set("Timestamp", "2025-10-09T06:07:06.000Z")},
		"an array": {core.ErrMalformed, func(s *snsSender, m map[string]any) *core.Request {
			r := s.sign(m)
			r.Body = []byte("[" + string(r.Body) + "]")
			return r
		}},
		"a name twice": {core.ErrMalformed, func(s *snsSender, m map[string]any) *core.Request {
			r := s.sign(m)
			r.Body = []byte(`{"Message":"forged",` + string(r.Body[1:]))
			return r
		}},
		"more behind": {core.ErrMalformed, func(s *snsSender, m map[string]any) *core.Request {
			r := s.sign(m)
			r.Body = append(r.Body, "{}"...)
			return r
		}},
		"raw delivery": {core.ErrMalformed, func(s *snsSender, m map[string]any) *core.Request {
			r := s.sign(m)
			asMap(r.Header).Set("X-Amz-Sns-Rawdelivery", "true")
			return r
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSNS(t)
			r := c.make(s, s.notification("msg_1", remoteNow, "hello"))
			if _, err := s.verifier(s.scheme(schemes.SNSOptions{}), snsTopic).Verify(t.Context(), r); !errors.Is(err, c.reason) {
				t.Errorf("got %v, want %v", err, c.reason)
			}
		})
	}
}

// A message whose text looks like the signed text must not become another message: the signed text
// is the same.
func TestSNSSignedTextCannotBeCutElsewhere(t *testing.T) {
	t.Parallel()
	s := newSNS(t)
	v := s.verifier(s.scheme(schemes.SNSOptions{}), snsTopic)
	m := s.notification("real", remoteNow, "a\nMessageId\nforged\nSubject\nb")
	if _, err := v.Verify(t.Context(), s.sign(m)); err != nil {
		t.Fatal(err)
	}
	for _, subject := range []string{"b\nMessageId\nreal\nSubject\nHello", "b"} {
		m["Message"], m["MessageId"], m["Subject"] = "a", "forged", subject
		if _, err := v.Verify(t.Context(), s.request(m)); err == nil {
			t.Errorf("one signature is good for two messages, the second with subject %q", subject)
		}
	}
}

func TestSNSAcceptsSHA1OnlyWhenAsked(t *testing.T) {
	t.Parallel()
	s := newSNS(t)
	v := s.verifier(s.scheme(schemes.SNSOptions{DangerouslyAcceptSHA1: true}), snsTopic)
	for _, version := range []string{"1", "2"} {
		m := s.notification("msg_"+version, remoteNow, "hello")
		m["SignatureVersion"] = version
		if _, err := v.Verify(t.Context(), s.sign(m)); err != nil {
			t.Errorf("version %s: %v", version, err)
		}
		m["SignatureVersion"] = map[string]string{"1": "2", "2": "1"}[version]
		if _, err := v.Verify(t.Context(), s.request(m)); !errors.Is(err, core.ErrNoMatch) {
			t.Errorf("version %s under another label: %v", version, err)
		}
	}
}

func TestSNSFetchesCertificatesFromNowhereElse(t *testing.T) {
	t.Parallel()
	s := newSNS(t)
	leaf := pemOf(s.root.issue(t, &s.key.PublicKey, certificate{names: []string{"sns.amazonaws.com"}}))
	const file = "/SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem"
	v := s.verifier(s.scheme(schemes.SNSOptions{}), snsTopic)
	for _, address := range []string{
		"http://sns.us-west-2.amazonaws.com" + file,
		"https://sns.us-west-2.amazonaws.com@attacker.example" + file,
		"https://user:pass@sns.us-west-2.amazonaws.com" + file,
		"https://attacker.example#@sns.us-west-2.amazonaws.com" + file,
		"https://attacker.example\\@sns.us-west-2.amazonaws.com" + file,
		"https://sns.us-west-2.amazonaws.com:443" + file,
		"https://sns.us-west-2.amazonaws.com:8443" + file,
		"https://sns.us-west-2.amazonaws.com." + file,
		"https://sns.us-west-2.amazonaws.com.attacker.example" + file,
		"https://sns.us-west-2.amazonaws.com.cn" + file,
		"https://attacker.example/sns.us-west-2.amazonaws.com" + file,
		"https://sns.attacker.us-west-2.amazonaws.com" + file,
		"https://sns.s3-us-west-2.amazonaws.com" + file, // a bucket named sns
		"https://sns.s3.amazonaws.com" + file,
		"https://sns.eu-west-1.amazonaws.com" + file, // another region
		"https://xsns.us-west-2.amazonaws.com" + file,
		"https://SNS.us-west-2.amazonaws.com" + file,
		"HTTPS://sns.us-west-2.amazonaws.com" + file,
		"https://sns.us-west-2.amazonaws.com/x",
		"https://sns.us-west-2.amazonaws.com/x.pem?a=b",
		"https://sns.us-west-2.amazonaws.com/x.pem?",
		"https://sns.us-west-2.amazonaws.com/x.pem#a",
		"https://sns.us-west-2.amazonaws.com/?.pem",
		"https://sns.us-west-2.amazonaws.com/../x.pem",
		"https://sns.us-west-2.amazonaws.com//x.pem",
		"https://sns.us-west-2.amazonaws.com/a/x.pem",
		"https://sns.us-west-2.amazonaws.com/%78.pem",
		"https://sns.us-west-2.amazonaws.com/.pem",
		"https://127.0.0.1" + file, "https://[::1]" + file, "//sns.us-west-2.amazonaws.com" + file, "", " ", "https://",
	} {
		s.text(address, leaf)
		m := s.notification("msg_1", remoteNow, "hello")
		m["SigningCertURL"] = address
		if _, err := v.Verify(t.Context(), s.sign(m)); !errors.Is(err, core.ErrMalformed) && !errors.Is(err, core.ErrNoMatch) {
			t.Errorf("%q: %v", address, err)
		}
	}
	if n := s.total(); n != 0 {
		t.Errorf("%d requests were made", n)
	}
}

func TestSNSBelievesNoOtherCertificate(t *testing.T) {
	t.Parallel()
	day := 24 * time.Hour
	for name, c := range map[string]struct {
		text   func(s *snsSender) string
		reason core.Reason // empty: accepted
	}{
		"the regional name": {func(s *snsSender) string {
			return pemOf(s.root.issue(s.tb, &s.key.PublicKey, certificate{names: []string{"sns-signing.us-west-2.amazonaws.com", "sns.us-west-2.amazonaws.com"}}))
		}, ""},
		"a common name alone": {func(s *snsSender) string {
			return pemOf(s.root.issue(s.tb, &s.key.PublicKey, certificate{common: "sns.amazonaws.com"}))
		}, ""},
		"another name": {func(s *snsSender) string {
			return pemOf(s.root.issue(s.tb, &s.key.PublicKey, certificate{names: []string{"attacker.example"}, common: "sns.amazonaws.com"}))
		}, core.ErrNoMatch},
		"another region's name": {func(s *snsSender) string {
			return pemOf(s.root.issue(s.tb, &s.key.PublicKey, certificate{names: []string{"sns.eu-west-1.amazonaws.com"}}))
		}, core.ErrNoMatch},
		"expired": {func(s *snsSender) string {
			return pemOf(s.root.issue(s.tb, &s.key.PublicKey, certificate{
				names: []string{"sns.amazonaws.com"}, from: remoteNow.Add(-2 * day), until: remoteNow.Add(-time.Second),
			}))
		}, core.ErrNoMatch},
		"not valid yet": {func(s *snsSender) string {
			return pemOf(s.root.issue(s.tb, &s.key.PublicKey, certificate{
				names: []string{"sns.amazonaws.com"}, from: remoteNow.Add(time.Minute), until: remoteNow.Add(day),
			}))
		}, core.ErrNoMatch},
		"a stranger's": {func(s *snsSender) string {
			return pemOf(newAuthority(s.tb, "Stranger").issue(s.tb, &s.key.PublicKey, certificate{names: []string{"sns.amazonaws.com"}}))
		}, core.ErrNoMatch},
		"a stranger's with its root": {func(s *snsSender) string {
			stranger := newAuthority(s.tb, "Stranger")
			return pemOf(stranger.issue(s.tb, &s.key.PublicKey, certificate{names: []string{"sns.amazonaws.com"}}), stranger.cert)
		}, core.ErrNoMatch},
		"an issuer that is no authority": {func(s *snsSender) string {
			public := &s.key.PublicKey
			middle := &authority{cert: s.root.issue(s.tb, public, certificate{common: "customer"}), key: s.key}
			return pemOf(middle.issue(s.tb, public, certificate{names: []string{"sns.amazonaws.com"}}), middle.cert)
		}, core.ErrNoMatch},
		"one issued in between": {func(s *snsSender) string {
			middle := s.between()
			return pemOf(middle.issue(s.tb, &s.key.PublicKey, certificate{names: []string{"sns.amazonaws.com"}}), middle.cert)
		}, ""},
		"one issued in between, left out": {func(s *snsSender) string {
			middle := s.between()
			s.text("http://crt.r2m01.amazontrust.com/r2m01.cer", string(middle.cert.Raw))
			return pemOf(middle.issue(s.tb, &s.key.PublicKey, certificate{
				names: []string{"sns.amazonaws.com"}, issuers: []string{"http://crt.r2m01.amazontrust.com/r2m01.cer"},
			}))
		}, ""},
		"one issued in between, that cannot be fetched": {func(s *snsSender) string {
			return pemOf(s.between().issue(s.tb, &s.key.PublicKey, certificate{
				names: []string{"sns.amazonaws.com"}, issuers: []string{"http://crt.r2m01.amazontrust.com/r2m01.cer"},
			}))
		}, core.ErrKeysUnavailable},
		"one issued in between, at home": {func(s *snsSender) string {
			return pemOf(s.between().issue(s.tb, &s.key.PublicKey, certificate{
				names: []string{"sns.amazonaws.com"}, issuers: []string{"http://169.254.169.254/x", "http://localhost/x", "http://a.example:8080/x", "file:///etc/x"},
			}))
		}, core.ErrNoMatch},
		"not a certificate": {func(*snsSender) string { return "<html>" }, core.ErrKeysUnavailable},
		"too much":          {func(*snsSender) string { return strings.Repeat("x", 1<<20) }, core.ErrKeysUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSNS(t)
			s.text(snsCertURL, c.text(s))
			_, err := s.verifier(s.scheme(schemes.SNSOptions{}), snsTopic).Verify(t.Context(), s.sign(s.notification("msg_1", remoteNow, "hello")))
			if c.reason == "" && err != nil || c.reason != "" && !errors.Is(err, c.reason) {
				t.Errorf("got %v, want %q", err, c.reason)
			}
		})
	}
}

// between is an authority under the root.
func (s *snsSender) between() *authority {
	key := rsaFor(s.tb, "between")
	return &authority{cert: s.root.issue(s.tb, &key.PublicKey, certificate{common: "Between", authority: true}), key: key}
}

func TestSNSFetchesACertificateOnce(t *testing.T) {
	t.Parallel()
	s := newSNS(t)
	v := s.verifier(s.scheme(schemes.SNSOptions{}), snsTopic)
	verify := func(id string) error {
		_, err := v.Verify(t.Context(), s.sign(s.notification(id, s.now(), "hello")))
		return err
	}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if err := verify("msg_1"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := s.count(snsCertURL); n != 1 {
		t.Errorf("20 messages at once: %d fetches", n)
	}
	s.setDown(true)
	s.sleep(23 * time.Hour)
	if err := verify("msg_2"); err != nil {
		t.Errorf("an outage while the certificate is known: %v", err)
	}
	s.sleep(2 * time.Hour)
	for range 5 {
		if err := verify("msg_3"); !errors.Is(err, core.ErrKeysUnavailable) {
			t.Errorf("an outage: %v", err)
		}
	}
	if n := s.count(snsCertURL); n != 2 {
		t.Errorf("a failure is not remembered for a moment: %d fetches", n)
	}
	s.setDown(false)
	s.sleep(10 * time.Second)
	if err := verify("msg_4"); err != nil {
		t.Errorf("after the outage: %v", err)
	}
}

func TestSNSFetchesNoMoreThanThirtyAMinute(t *testing.T) {
	t.Parallel()
	s := newSNS(t)
	v := s.verifier(s.scheme(schemes.SNSOptions{}), snsTopic)
	verify := func(address string) error {
		m := s.notification("msg_1", remoteNow, "hello")
		m["SigningCertURL"] = address
		_, err := v.Verify(t.Context(), s.sign(m))
		return err
	}
	if err := verify(snsCertURL); err != nil {
		t.Fatal(err)
	}
	for i := range 200 {
		if err := verify("https://sns.us-west-2.amazonaws.com/x" + strconv.Itoa(i) + ".pem"); err == nil {
			t.Fatal("accepted")
		}
	}
	if n := s.total(); n != 30 {
		t.Errorf("%d fetches", n)
	}
	if err := verify(snsCertURL); err != nil {
		t.Errorf("the genuine certificate was displaced: %v", err)
	}
	for i := range 200 {
		s.sleep(6 * time.Second)
		_ = verify("https://sns.us-west-2.amazonaws.com/y" + strconv.Itoa(i) + ".pem")
	}
	s.sleep(-200 * 6 * time.Second)
	before := s.count(snsCertURL)
	if err := verify(snsCertURL); err != nil || s.count(snsCertURL) != before {
		t.Errorf("the genuine certificate was displaced in time: %v", err)
	}
}

func TestSNSDoesNotFollowRedirects(t *testing.T) {
	t.Parallel()
	s := newSNS(t)
	s.page(snsCertURL, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://attacker.example/x.pem", http.StatusFound)
	})
	_, err := s.verifier(s.scheme(schemes.SNSOptions{}), snsTopic).Verify(t.Context(), s.sign(s.notification("msg_1", remoteNow, "hello")))
	if !errors.Is(err, core.ErrKeysUnavailable) || s.total() != 1 {
		t.Errorf("%v, %d requests", err, s.total())
	}
}

func TestSNSASenderThatLeavesEndsNoFetch(t *testing.T) {
	t.Parallel()
	s := newSNS(t)
	v := s.verifier(s.scheme(schemes.SNSOptions{}), snsTopic)
	ctx, cancel := context.WithCancel(t.Context())
	leaf := pemOf(s.root.issue(t, &s.key.PublicKey, certificate{names: []string{"sns.amazonaws.com"}}))
	s.page(snsCertURL, func(w http.ResponseWriter, _ *http.Request) {
		cancel()
		_, _ = io.WriteString(w, leaf)
	})
	r := s.sign(s.notification("msg_1", remoteNow, "hello"))
	if _, err := v.Verify(ctx, r); err != nil {
		t.Errorf("%v", err)
	}
	if _, err := v.Verify(t.Context(), r); err != nil || s.total() != 1 {
		t.Errorf("%v, %d requests", err, s.total())
	}
}

const snsConfirm = "https://sns.us-west-2.amazonaws.com/"

func TestSNSConfirmsSubscriptionsWhenAsked(t *testing.T) {
	t.Parallel()
	s := newSNS(t)
	var query string
	s.page(snsConfirm, func(_ http.ResponseWriter, r *http.Request) { query = r.URL.RawQuery })
	r := s.sign(s.confirmation(remoteNow))

	if ran, err := handle(s.verifier(s.scheme(schemes.SNSOptions{}), snsTopic), r); !ran || s.count(snsConfirm) != 0 {
		t.Errorf("not asked for: %v, %d requests", err, s.count(snsConfirm))
	}
	v := s.verifier(s.scheme(schemes.SNSOptions{Handshake: schemes.AnswerHandshakes}), snsTopic)
	for range 3 {
		d := v.Admit(t.Context(), &core.Request{Method: r.Method, URL: r.URL, Header: r.Header}, remoteBody(r.Body))
		if d.Answer() == nil || d.Answer().Status != http.StatusOK {
			t.Fatalf("%+v, %v", d.Answer(), d.Err())
		}
	}
	if s.count(snsConfirm) != 1 || query != "Action=ConfirmSubscription&TopicArn="+snsTopic+"&Token=2336412f37" {
		t.Errorf("%d requests, %q", s.count(snsConfirm), query)
	}
	if ran, err := handle(v, s.sign(s.notification("msg_1", remoteNow, "hello"))); !ran {
		t.Errorf("a notification: %v", err)
	}
	m := s.confirmation(remoteNow)
	m["Type"] = "UnsubscribeConfirmation"
	if ran, err := handle(v, s.sign(m)); !ran {
		t.Errorf("an end of a subscription is the handler's business: %v", err)
	}
}

func TestSNSConfirmsNothingElse(t *testing.T) {
	t.Parallel()
	s := newSNS(t)
	v := s.verifier(s.scheme(schemes.SNSOptions{Handshake: schemes.AnswerHandshakes}), snsTopic)
	status := func(r *core.Request) int {
		d := v.Admit(t.Context(), &core.Request{Method: r.Method, URL: r.URL, Header: r.Header}, remoteBody(r.Body))
		if d.Answer() == nil {
			return 0
		}
		if d.Answer().Status == http.StatusServiceUnavailable && d.Answer().Header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		return d.Answer().Status
	}
	forged := s.confirmation(remoteNow)
	s.sign(forged)
	forged["SubscribeURL"] = snsConfirm + "?Action=ConfirmSubscription&Token=other"
	if got := status(s.request(forged)); got != http.StatusUnauthorized {
		t.Errorf("forged: %d", got)
	}
	stranger := s.confirmation(remoteNow)
	stranger["TopicArn"] = snsOther
	if got := status(s.sign(stranger)); got != http.StatusUnauthorized {
		t.Errorf("another's topic: %d", got)
	}
	for _, address := range []string{
		"https://attacker.example/?Action=ConfirmSubscription&TopicArn=" + snsTopic,
		"http://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription&TopicArn=" + snsTopic,
		snsConfirm + "?Action=Unsubscribe&TopicArn=" + snsTopic,
		snsConfirm + "?Action=ConfirmSubscription&TopicArn=" + snsOther,
		snsConfirm + "?Action=ConfirmSubscription&Action=Publish&TopicArn=" + snsTopic,
		snsConfirm + "x?Action=ConfirmSubscription&TopicArn=" + snsTopic,
	} {
		m := s.confirmation(remoteNow)
		m["SubscribeURL"] = address
		if got := status(s.sign(m)); got != http.StatusBadRequest {
			t.Errorf("%s: %d", address, got)
		}
	}
	if s.total() != 1 { // the certificate
		t.Errorf("%d requests", s.total())
	}
	s.setDown(true)
	if got := status(s.sign(s.confirmation(remoteNow))); got != http.StatusServiceUnavailable {
		t.Errorf("an outage: %d", got)
	}
}

func TestSNSTopics(t *testing.T) {
	t.Parallel()
	s := schemes.SNS(schemes.SNSOptions{})
	for _, arn := range []string{snsTopic, "arn:aws-cn:sns:cn-north-1:123456789012:a_b-C", "arn:aws-us-gov:sns:us-gov-west-1:123456789012:x"} {
		if _, err := s.ParseKey(arn); err != nil {
			t.Errorf("%s: %v", arn, err)
		}
	}
	for _, arn := range []string{
		"", "orders", "arn:aws:sqs:us-west-2:123456789012:orders", "arn:aws-x:sns:us-west-2:123456789012:orders", "arn:aws:sns::123456789012:orders",
		"arn:aws:sns:attacker.example/:123456789012:orders", "arn:aws:sns:us-west-2:12345678901:orders", "arn:aws:sns:us-west-2:123456789012:",
		snsTopic + ":c9135db0-26c4-47ec-8998-413945fb5a96", "arn:aws:sns:us-west-2:123456789012:a b", "arn:aws:sns:us-west-2:123456789012:*",
	} {
		if _, err := s.ParseKey(arn); err == nil {
			t.Errorf("%q is accepted", arn)
		}
	}
}
