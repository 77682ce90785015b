package core_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/whtest"
)

// The sketches in this file are not for use. They show that the Scheme contract fits very different
// senders. Each is as long as a scheme needs to be.

// oneHeader returns the value of a header that must occur exactly once.
func oneHeader(h core.Header, name string) (string, error) {
	switch v := h.Values(name); len(v) {
	case 0:
		return "", core.ErrMissingHeader
	case 1:
		return v[0], nil
	default:
		return "", core.ErrMalformed
	}
}

// github signs only the body; the delivery id in the header is unsigned.
type github struct{}

func (github) Name() string            { return "github" }
func (github) Stamping() core.Stamping { return core.NotStamped }
func (github) ParseKey(text string) (core.VerifyKey, error) {
	return core.HMACKey("sha256", sha256.New, []byte(text), core.Hex)
}

func (github) ReadHeader(r *core.Request, a *core.Attempt) error {
	v, err := oneHeader(r.Header, "X-Hub-Signature-256")
	if err != nil {
		return err
	}
	label, text, ok := strings.Cut(v, "=")
	if !ok {
		return core.ErrMalformed
	}
	a.Signatures = append(a.Signatures, core.Signature{Label: label, Text: text})
	a.ID, a.BodySigned = strings.Join(r.Header.Values("X-Github-Delivery"), ""), true
	return nil
}

func (github) ReadBody(r *core.Request, a *core.Attempt) error {
	a.Content.WriteBody(r.Body)
	return nil
}

// stripe keeps time and signatures in one header, takes the secret verbatim, and has the id in the
// signed body.
type stripe struct{}

func (stripe) Name() string            { return "stripe" }
func (stripe) Stamping() core.Stamping { return core.StampedEachAttempt }
func (stripe) ParseKey(text string) (core.VerifyKey, error) {
	return core.HMACKey("v1", sha256.New, []byte(text), core.Hex)
}

func (stripe) ReadHeader(r *core.Request, a *core.Attempt) error {
	v, err := oneHeader(r.Header, "Stripe-Signature")
	if err != nil {
		return err
	}
	for entry := range strings.SplitSeq(v, ",") {
		key, value, _ := strings.Cut(entry, "=")
		switch {
		case key == "t" && a.Timestamp.IsZero():
			if a.Timestamp, err = seconds(value); err != nil {
				return err
			}
			a.Content.WriteTime(value)
			a.Content.WriteString(".")
		case key == "t", len(a.Signatures) == 16:
			return core.ErrMalformed
		default:
			a.Signatures = append(a.Signatures, core.Signature{Label: key, Text: value})
		}
	}
	if a.Timestamp.IsZero() {
		return core.ErrMalformed
	}
	return nil
}

func seconds(text string) (time.Time, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 || strconv.FormatInt(n, 10) != text {
		return time.Time{}, core.ErrMalformed
	}
	return time.Unix(n, 0), nil
}

func (stripe) ReadBody(r *core.Request, a *core.Attempt) error {
	var event struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(r.Body, &event); err != nil || event.ID == "" {
		return core.ErrMalformed
	}
	a.ID, a.IDSigned, a.BodySigned = event.ID, true, true
	a.Content.WriteBody(r.Body)
	return nil
}

// twilio signs the public URL, which is configured, and the sorted form; or the URL with a hash of
// the body in it.
type twilio struct {
	origin string // scheme and host as the sender knows them
}

func (twilio) Name() string            { return "twilio" }
func (twilio) Stamping() core.Stamping { return core.NotStamped }
func (twilio) ParseKey(text string) (core.VerifyKey, error) {
	return core.HMACKey("", sha1.New, []byte(text), core.Base64)
}

func (t twilio) ReadHeader(r *core.Request, a *core.Attempt) error {
	v, err := oneHeader(r.Header, "X-Twilio-Signature")
	if err != nil {
		return err
	}
	u, err := url.Parse(r.URL)
	if err != nil {
		return core.ErrMalformed
	}
	a.Signatures = append(a.Signatures, core.Signature{Text: v})
	a.Content.WriteString(t.origin + u.RequestURI())
	return nil
}

func (twilio) ReadBody(r *core.Request, a *core.Attempt) error {
	kind, err := oneHeader(r.Header, "Content-Type")
	if err != nil {
		return err
	}
	if kind != "application/x-www-form-urlencoded" {
		u, err := url.Parse(r.URL)
		if err != nil {
			return core.ErrMalformed
		}
		sum := sha256.Sum256(r.Body)
		if u.Query().Get("bodySHA256") != hex.EncodeToString(sum[:]) {
			return core.ErrNoMatch
		}
		a.BodySigned = true
		return nil
	}
	form, err := url.ParseQuery(string(r.Body))
	if err != nil {
		return core.ErrMalformed
	}
	for _, name := range slices.Sorted(mapsKeys(form)) {
		values := form[name]
		slices.Sort(values)
		for _, v := range slices.Compact(values) {
			a.Content.WriteString(name + v)
		}
	}
	return nil // names and values are not separated, so BodySigned would be false
}

func mapsKeys(v url.Values) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range v {
			if !yield(k) {
				return
			}
		}
	}
}

// sendgrid signs with ECDSA, so it has its own key type. Its signatures are
// malleable.
type sendgrid struct{}

func (sendgrid) Name() string            { return "sendgrid" }
func (sendgrid) Stamping() core.Stamping { return core.StampedEachAttempt }
func (sendgrid) ParseKey(text string) (core.VerifyKey, error) {
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("not base64")
	}
	public, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, errors.New("not a public key")
	}
	key, ok := public.(*ecdsa.PublicKey)
	if !ok {
		return nil, errors.New("not an ECDSA key")
	}
	return (*ecdsaKey)(key), nil
}

type ecdsaKey ecdsa.PublicKey

func (k *ecdsaKey) Verify(_ context.Context, a *core.Attempt) (bool, error) {
	h := sha256.New()
	_, _ = a.Content.WriteTo(h)
	digest := h.Sum(nil)
	for _, s := range a.Signatures {
		raw, err := base64.StdEncoding.Strict().DecodeString(s.Text)
		if err == nil && !strings.ContainsAny(s.Text, "\r\n") && ecdsa.VerifyASN1((*ecdsa.PublicKey)(k), digest, raw) {
			return true, nil
		}
	}
	return false, nil
}

func (sendgrid) ReadHeader(r *core.Request, a *core.Attempt) error {
	stamp, err := oneHeader(r.Header, http.CanonicalHeaderKey("X-Twilio-Email-Event-Webhook-Timestamp"))
	if err != nil {
		return err
	}
	sig, err := oneHeader(r.Header, http.CanonicalHeaderKey("X-Twilio-Email-Event-Webhook-Signature"))
	if err != nil {
		return err
	}
	a.Timestamp, err = seconds(stamp)
	a.Signatures = append(a.Signatures, core.Signature{Text: sig})
	a.BodySigned = true
	a.Content.WriteString(stamp)
	return err
}

func (sendgrid) ReadBody(r *core.Request, a *core.Attempt) error {
	a.Content.WriteBody(r.Body)
	return nil
}

// linear has its time inside the signed body, in milliseconds.
type linear struct{ github }

func (linear) Name() string            { return "linear" }
func (linear) Stamping() core.Stamping { return core.StampedEachAttempt }
func (linear) ReadBody(r *core.Request, a *core.Attempt) error {
	var event struct {
		WebhookTimestamp int64 `json:"webhookTimestamp"`
	}
	if err := json.Unmarshal(r.Body, &event); err != nil || event.WebhookTimestamp <= 0 {
		return core.ErrMalformed
	}
	a.Timestamp = time.UnixMilli(event.WebhookTimestamp)
	a.Content.WriteBody(r.Body)
	return nil
}

// certified fetches the signing key from an address in the message, as SNS
// does. The configured "secret" says from where it may be fetched. An outage
// there is not a wrong signature.
type certified struct {
	github

	fetch func(ctx context.Context, address string) (*rsa.PublicKey, error)
}

func (certified) Name() string { return "certified" }
func (s certified) ParseKey(host string) (core.VerifyKey, error) {
	if host == "" {
		return nil, errors.New("empty")
	}
	return &certKey{host, s.fetch}, nil
}

func (s certified) ReadHeader(r *core.Request, a *core.Attempt) error {
	a.State = strings.Join(r.Header.Values("X-Cert-Url"), "")
	return s.github.ReadHeader(r, a)
}

type certKey struct {
	host  string
	fetch func(ctx context.Context, address string) (*rsa.PublicKey, error)
}

func (k *certKey) Verify(ctx context.Context, a *core.Attempt) (bool, error) {
	address, _ := a.State.(string)
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.Host != k.host {
		return false, nil //nolint:nilerr // an address that is not trusted cannot have signed
	}
	public, err := k.fetch(ctx, address)
	if err != nil {
		return false, err
	}
	digest := sha256.Sum256(a.Content.Bytes())
	for _, s := range a.Signatures {
		raw, err := hex.DecodeString(s.Text)
		if err == nil && hex.EncodeToString(raw) == s.Text && rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], raw) == nil {
			return true, nil
		}
	}
	return false, nil
}

// slack responds to a challenge that is signed like a message.
type slack struct{ stripe }

func (slack) Name() string      { return "slack" }
func (slack) Facts() core.Facts { return core.Facts{Challenge: answerSlack} }

func answerSlack(_ context.Context, r *core.Request, _ *core.Message, key core.VerifyKey) *core.Answer {
	var event struct {
		Type      string `json:"type"`
		Challenge string `json:"challenge"`
	}
	if json.Unmarshal(r.Body, &event) != nil || event.Type != "url_verification" || key == nil {
		return nil
	}
	return &core.Answer{Status: http.StatusOK, Header: http.Header{"Content-Type": {"text/plain"}}, Body: []byte(event.Challenge)}
}

func TestTheContractFitsPublishedVectors(t *testing.T) {
	t.Parallel()
	t.Run("github, which signs the body alone", func(t *testing.T) {
		t.Parallel()
		for _, v := range vectors(t, "github") {
			v.run(t, github{})
		}
	})
	t.Run("stripe, with a key-value header and the id in the body", func(t *testing.T) {
		t.Parallel()
		for _, v := range vectors(t, "stripe") {
			if a := v.run(t, stripe{}); a.ID != "evt_123" || a.Timestamp.Unix() != v.NowUnix {
				t.Errorf("id %q at %v", a.ID, a.Timestamp)
			}
		}
	})
	t.Run("twilio, with URL and sorted form, or a hash of the body", func(t *testing.T) {
		t.Parallel()
		for _, v := range vectors(t, "twilio") {
			v.run(t, twilio{"https://mycompany.com"})
			key, _ := twilio{}.ParseKey(v.Secret)
			if _, ok, _ := check(t.Context(), twilio{"https://attacker.example"}, key, v.request()); ok {
				t.Error("the origin is taken from the request")
			}
		}
	})
	t.Run("sendgrid, with ECDSA, of which a second signature is the same message", func(t *testing.T) {
		t.Parallel()
		for _, v := range vectors(t, "sendgrid") {
			v.run(t, sendgrid{})
			r := v.request()
			_, malleated, _ := strings.Cut(v.Note, "verifies: ")
			malleated, _, _ = strings.Cut(malleated, " ")
			lines(r.Header).Set("X-Twilio-Email-Event-Webhook-Signature", malleated)
			verifier := newVerifier(t, core.Secrets(v.PublicKey), &core.Config{Scheme: sendgrid{}, Clock: at(v.NowUnix)})
			if d := verifier.Admit(t.Context(), v.request(), given(v.BodyBase64)); d.Answer() != nil {
				t.Fatal(d.Err())
			} else {
				d.Settle(http.StatusOK)
			}
			if d := verifier.Admit(t.Context(), r, given(v.BodyBase64)); !errors.Is(d.Err(), core.ErrReplay) {
				t.Errorf("the malleated signature is answered with %v, want replay", d.Err())
			}
		}
	})
}

// given is a body in memory.
type given []byte

func (b given) ReadBody(int64, time.Duration) ([]byte, error) { return b, nil }

func hexMAC(secret, content string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(content))
	return hex.EncodeToString(mac.Sum(nil))
}

// The sketches pass the suite that every scheme must pass: neither the contract
// nor the suite is limited to Standard Webhooks.
func TestTheSketchesPassTheSuite(t *testing.T) {
	t.Parallel()
	const secret, stranger = "4f1c2a9e-6b7d-4e8f", "somebody-elses-4f1c"
	post := func(body string, headers ...string) *core.Request {
		r := &core.Request{Method: http.MethodPost, URL: "/hook?a=1", Header: http.Header{}, Body: []byte(body)}
		for i := 0; i < len(headers); i += 2 {
			lines(r.Header).Set(headers[i], headers[i+1])
		}
		return r
	}
	event := func(id string, at time.Time, content []byte) string {
		if content == nil {
			content = []byte("null")
		}
		return `{"id":"` + id + `","webhookTimestamp":` + strconv.FormatInt(at.UnixMilli(), 10) + `,"data":` + string(content) + `}`
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ec2, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	spki := func(k *ecdsa.PrivateKey) string {
		der, err := x509.MarshalPKIXPublicKey(&k.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		return base64.StdEncoding.EncodeToString(der)
	}
	for _, s := range []whtest.Subject{
		{Scheme: github{}, Secret: secret, Stranger: stranger, Sign: func(id string, _ time.Time, content []byte) *core.Request {
			return post(string(content), "X-Hub-Signature-256", "sha256="+hexMAC(secret, string(content)), "X-Github-Delivery", id)
		}},
		{Scheme: stripe{}, Secret: secret, Stranger: stranger, Sign: func(id string, at time.Time, content []byte) *core.Request {
			body, stamp := event(id, time.Unix(1, 0), content), strconv.FormatInt(at.Unix(), 10)
			return post(body, "Stripe-Signature", "t="+stamp+",v1="+hexMAC(secret, stamp+"."+body)+",v0=00")
		}},
		{Scheme: linear{}, Secret: secret, Stranger: stranger, Sign: func(id string, at time.Time, content []byte) *core.Request {
			body := event(id, at, content)
			return post(body, "X-Hub-Signature-256", "sha256="+hexMAC(secret, body))
		}},
		{Scheme: twilio{"https://example.com"}, Secret: secret, Stranger: stranger, Sign: func(id string, _ time.Time, content []byte) *core.Request {
			mac := hmac.New(sha1.New, []byte(secret))
			mac.Write([]byte("https://example.com/hook?a=1" + "Body" + string(content) + "Sid" + id))
			return post(url.Values{"Sid": {id}, "Body": {string(content)}}.Encode(), "Content-Type", "application/x-www-form-urlencoded",
				"X-Twilio-Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
		}},
		{Scheme: sendgrid{}, Secret: spki(ec), Stranger: spki(ec2), Sign: func(_ string, at time.Time, content []byte) *core.Request {
			stamp := strconv.FormatInt(at.Unix(), 10)
			digest := sha256.Sum256([]byte(stamp + string(content)))
			sig, err := ecdsa.SignASN1(rand.Reader, ec, digest[:])
			if err != nil {
				panic(err)
			}
			return post(string(content), "X-Twilio-Email-Event-Webhook-Timestamp", stamp,
				"X-Twilio-Email-Event-Webhook-Signature", base64.StdEncoding.EncodeToString(sig))
		}},
	} {
		t.Run(s.Scheme.Name(), func(t *testing.T) {
			t.Parallel()
			whtest.TestScheme(t, s)
		})
	}
}

func TestAFetchedKeySeesTheContextAndItsOutageIsNotAWrongSignature(t *testing.T) {
	t.Parallel()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	body := []byte(`{}`)
	digest := sha256.Sum256(body)
	sig, err := rsa.SignPKCS1v15(nil, private, crypto.SHA256, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	type key struct{}
	var seen any
	down := false
	scheme := certified{fetch: func(ctx context.Context, _ string) (*rsa.PublicKey, error) {
		seen = ctx.Value(key{})
		if down {
			return nil, errors.New("no route")
		}
		return &private.PublicKey, nil
	}}
	v := newVerifier(t, core.Secrets("certs.example.com"), &core.Config{Scheme: scheme})
	verify := func(address string) error {
		ctx := context.WithValue(t.Context(), key{}, "request")
		_, err := v.Verify(ctx, &core.Request{Method: http.MethodPost, URL: "/", Body: body, Header: http.Header{
			"X-Hub-Signature-256": {"rsa=" + hex.EncodeToString(sig)}, "X-Cert-Url": {address},
		}})
		return err
	}
	if err := verify("https://certs.example.com/1.pem"); err != nil || seen != "request" {
		t.Errorf("context value %v, %v", seen, err)
	}
	if err := verify("https://attacker.example/1.pem"); !errors.Is(err, core.ErrNoMatch) {
		t.Errorf("a stranger's address: %v", err)
	}
	down = true
	if err := verify("https://certs.example.com/1.pem"); !errors.Is(err, core.ErrKeysUnavailable) {
		t.Errorf("an outage: %v", err)
	}
}

func TestAChallengeIsAnsweredAfterVerificationAndTouchesNoStore(t *testing.T) {
	t.Parallel()
	const secret = "8f742231b10e8888abcd99yyyzzz85a5"
	store := &memory{}
	v, err := core.New(core.Secrets(secret), store, &core.Config{Scheme: slack{}, Clock: at(1700000000)})
	if err != nil {
		t.Fatal(err)
	}
	body := `{"id":"1","type":"url_verification","challenge":"3eZbrw1a"}`
	r := func(secret string) *core.Request {
		return &core.Request{Method: http.MethodPost, URL: "/", Header: http.Header{
			"Stripe-Signature": {"t=1700000000,v1=" + hexMAC(secret, "1700000000."+body)},
		}}
	}
	if d := v.Admit(t.Context(), r("another"), given(body)); d.Answer() == nil || d.Answer().Status != http.StatusUnauthorized {
		t.Errorf("an unsigned challenge is answered with %+v", d.Answer())
	}
	for range 2 { // senders ask again, every 72 hours
		d := v.Admit(t.Context(), r(secret), given(body))
		if a := d.Answer(); a == nil || a.Status != http.StatusOK || string(a.Body) != "3eZbrw1a" || d.Err() != nil {
			t.Errorf("answer %+v, %v", a, d.Err())
		}
	}
	if len(store.live) != 0 {
		t.Error("a challenge touched the store")
	}
}

func TestTheSentinelThatASchemeReturnsIsTheReason(t *testing.T) {
	t.Parallel()
	secret := core.Secrets("4f1c2a9e-6b7d-4e8f")
	for _, tt := range []struct {
		name   string
		scheme core.Scheme
		header http.Header
		reason core.Reason
		status int
	}{
		{"a missing header", github{}, nil, core.ErrMissingHeader, http.StatusBadRequest},
		{"a header of the wrong form", github{}, http.Header{"X-Hub-Signature-256": {"x"}}, core.ErrMalformed, http.StatusBadRequest},
		{
			"a hash of the body that does not fit",
			twilio{"https://example.com"},
			http.Header{"X-Twilio-Signature": {"x"}, "Content-Type": {"application/json"}},
			core.ErrNoMatch, http.StatusUnauthorized,
		},
	} {
		v := newVerifier(t, secret, &core.Config{Scheme: tt.scheme})
		d := v.Admit(t.Context(), &core.Request{Method: http.MethodPost, URL: "/?bodySHA256=00", Header: tt.header}, given("{}"))
		if d.Err() == nil || d.Err().Reason != tt.reason || d.Answer().Status != tt.status {
			t.Errorf("%s: %v, answered %d", tt.name, d.Err(), d.Answer().Status)
		}
	}
}
