package explain_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/explain"
	"github.com/hookonce/hookonce/schemes"
	"github.com/hookonce/hookonce/stores/memstore"
	"github.com/hookonce/hookonce/whtest"
)

// acme is a third-party scheme that uses every fact except those about fetching. It signs address,
// time and body with a key type of its own.
type acme struct{ url string }

const (
	acmeURL      = "https://example.com/hook?tenant=1"
	acmeSecret   = "a phrase that somebody chose"
	acmeStranger = "a phrase of somebody else"
	acmeNow      = 1_760_000_000
)

func (acme) Name() string            { return "acme" }
func (acme) Stamping() core.Stamping { return core.StampedEachAttempt }

func (acme) ParseKey(text string) (core.VerifyKey, error) {
	if text == "" {
		return nil, errors.New("empty")
	}
	return acmeKey{func(c *core.Content) string { return acmeSum(text, c) }}, nil
}

func (s acme) Facts() core.Facts {
	f := core.Facts{
		Past: 10 * time.Minute, Future: 2 * time.Minute, FreeText: true, Unsigned: true,
		Headers: [][]string{{"Acme-Delivery", "Acme-Time", "Acme-Signature"}},
		URL:     s.url, At: func(url string) core.Scheme { return acme{url} },
		Sign: s.sign,
		Challenge: func(_ context.Context, r *core.Request, _ *core.Message, _ core.VerifyKey) *core.Answer {
			if string(r.Body) != `{"type":"ping"}` {
				return nil
			}
			return &core.Answer{Status: http.StatusAccepted}
		},
		Handshake: func(r *core.Request) *core.Answer {
			if r.Method != http.MethodOptions {
				return nil
			}
			return &core.Answer{Status: http.StatusNoContent}
		},
	}
	f.AwaitsHandshake = func(r *core.Request) bool {
		for _, name := range f.Headers[0] {
			if len(r.Header.Values(name)) > 0 {
				return false
			}
		}
		return r.Method == http.MethodPost
	}
	f.AnswerHandshake = func(r *core.Request, _ core.VerifyKey) *core.Answer {
		if string(r.Body) != "acme asks" {
			return nil
		}
		return &core.Answer{Status: http.StatusOK}
	}
	if s.url == "" {
		f.Mistake, f.At = errors.New("acme needs the URL"), nil
	}
	return f
}

func one(h core.Header, name string) (string, error) {
	switch lines := h.Values(name); {
	case len(lines) == 0 || lines[0] == "":
		return "", core.ErrMissingHeader
	case len(lines) > 1:
		return "", core.ErrMalformed
	default:
		return lines[0], nil
	}
}

func (s acme) ReadHeader(r *core.Request, a *core.Attempt) error {
	var values [3]string
	for i, name := range []string{"Acme-Delivery", "Acme-Time", "Acme-Signature"} {
		var err error
		if values[i], err = one(r.Header, name); err != nil {
			return err
		}
	}
	n, err := strconv.ParseInt(values[1], 10, 64)
	if err != nil || n <= 0 || strconv.FormatInt(n, 10) != values[1] {
		return core.ErrMalformed
	}
	a.ID, a.Unsigned, a.BodySigned, a.Timestamp = values[0], append(a.Unsigned, values[0]), true, time.Unix(n, 0)
	a.Signatures = append(a.Signatures, core.Signature{Text: values[2]})
	a.Content.WriteString(s.url + "\n")
	a.Content.WriteTime(values[1])
	a.Content.WriteString("\n")
	return nil
}

func (s acme) ReadBody(r *core.Request, a *core.Attempt) error {
	_, own, _ := strings.Cut(s.url, "?")
	if _, query, _ := strings.Cut(r.URL, "?"); query != own {
		return core.ErrMalformed
	}
	a.Content.WriteBody(r.Body)
	return nil
}

func (s acme) sign(r *core.Request, id string, at time.Time, secrets ...string) error {
	if len(secrets) != 1 {
		return errors.New("acme signs with one secret")
	}
	h, _ := r.Header.(http.Header)
	if id == "" && h.Get("Acme-Delivery") == "" {
		id = core.NewID()
	}
	if id != "" {
		h["Acme-Delivery"] = []string{id}
	}
	h["Acme-Time"], h["Acme-Signature"] = []string{strconv.FormatInt(at.Unix(), 10)}, []string{"-"}
	a := new(core.Attempt)
	if err := errors.Join(s.ReadHeader(r, a), s.ReadBody(r, a)); err != nil {
		return err
	}
	h["Acme-Signature"] = []string{acmeSum(secrets[0], &a.Content)}
	return nil
}

func acmeSum(secret string, c *core.Content) string {
	mac := hmac.New(sha512.New384, []byte(secret))
	_, _ = c.WriteTo(mac)
	return hex.EncodeToString(mac.Sum(nil))
}

type acmeKey struct{ sum func(c *core.Content) string }

func (k acmeKey) Verify(_ context.Context, a *core.Attempt) (bool, error) {
	want := k.sum(&a.Content)
	for _, sig := range a.Signatures {
		if subtle.ConstantTimeCompare([]byte(want), []byte(sig.Text)) == 1 {
			return true, nil
		}
	}
	return false, nil
}

// wider wraps a scheme and changes one fact.
type wider struct{ core.Scheme }

func (w wider) Facts() core.Facts {
	f := core.FactsOf(w.Scheme)
	f.Past = time.Hour
	return f
}

// forgetful wraps a scheme and loses its facts.
type forgetful struct{ core.Scheme }

func acmeSigned(t *testing.T, scheme core.Scheme, age time.Duration, body string) *core.Request {
	t.Helper()
	r := &core.Request{Method: http.MethodPost, URL: "/hook?tenant=1", Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(body)}
	if err := schemes.Sign(scheme, r, "", time.Unix(acmeNow, 0).Add(-age), acmeSecret); err != nil {
		t.Fatal(err)
	}
	return r
}

func acmeConfig(scheme core.Scheme) *core.Config {
	return &core.Config{Scheme: scheme, Clock: func() time.Time { return time.Unix(acmeNow, 0) }}
}

func TestAThirdPartySchemePassesTheSuite(t *testing.T) {
	t.Parallel()
	for name, scheme := range map[string]core.Scheme{"acme": acme{acmeURL}, "wrapped": wider{acme{acmeURL}}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			whtest.TestScheme(t, whtest.Subject{
				Scheme: scheme, Secret: acmeSecret, Stranger: acmeStranger,
				Sign: func(_ string, at time.Time, content []byte) *core.Request {
					a := new(core.Attempt)
					a.Content.WriteString(acmeURL + "\n" + strconv.FormatInt(at.Unix(), 10) + "\n" + string(content))
					return &core.Request{Method: http.MethodPost, URL: "/hook?tenant=1", Body: content, Header: http.Header{
						"Content-Type": {"application/json"}, "Acme-Delivery": {"3e3f1c52"},
						"Acme-Time": {strconv.FormatInt(at.Unix(), 10)}, "Acme-Signature": {acmeSum(acmeSecret, &a.Content)},
					}}
				},
				Handshake: func() *core.Request {
					return &core.Request{Method: http.MethodPost, URL: "/hook?tenant=1", Header: http.Header{}, Body: []byte("acme asks")}
				},
			})
		})
	}
}

func TestAThirdPartySchemeIsSignedAndServedByItsFactsAlone(t *testing.T) {
	t.Parallel()
	for name, scheme := range map[string]core.Scheme{
		"acme": acme{acmeURL}, "wrapped": wider{acme{acmeURL}}, "CloudEvents": schemes.CloudEvents(acme{acmeURL}, "acme.example"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := core.Must(core.New(core.Secrets(acmeSecret), memstore.New(), acmeConfig(scheme)))
			if m, err := v.Verify(t.Context(), acmeSigned(t, scheme, 9*time.Minute, "{}")); err != nil || m.Scheme != "acme" {
				t.Errorf("nine minutes old: %+v, %v", m, err)
			}
			old, err := v.Verify(t.Context(), acmeSigned(t, scheme, 11*time.Minute, "{}"))
			if _, wrapped := scheme.(wider); (err == nil) != wrapped {
				t.Errorf("eleven minutes old: %+v, %v", old, err)
			}
			for what, ask := range map[string]struct {
				r      *core.Request
				status int
			}{
				"challenge":      {acmeSigned(t, scheme, 0, `{"type":"ping"}`), http.StatusAccepted},
				"handshake":      {&core.Request{Method: http.MethodOptions, URL: "/hook"}, http.StatusNoContent},
				"body handshake": {&core.Request{Method: http.MethodPost, URL: "/hook", Body: []byte("acme asks")}, http.StatusOK},
			} {
				if a := v.Admit(t.Context(), ask.r, whole(ask.r.Body)).Answer(); a == nil || a.Status != ask.status {
					t.Errorf("%s: %+v, want the status %d", what, a, ask.status)
				}
			}
		})
	}
}

// whole is a body that is already in memory.
type whole []byte

func (b whole) ReadBody(int64, time.Duration) ([]byte, error) { return b, nil }

func TestExplainNamesMistakesUnderAThirdPartyScheme(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		configured core.Scheme
		secret     string
		age        time.Duration
		change     func(r *core.Request)
		want       explain.Mistake
	}{
		"another address":    {configured: acme{"http://example.com/hook?tenant=1"}, want: explain.URL},
		"a header renamed":   {change: func(r *core.Request) { moveHeader(r, "Acme-Signature", "X-Acme-Signature") }, want: explain.HeaderRenamed},
		"a newline":          {secret: acmeSecret + "\n", want: explain.SecretNewline},
		"its own tolerance":  {age: 11 * time.Minute, want: explain.TimestampPast},
		"hexadecimal, freed": {secret: hex.EncodeToString([]byte(acmeSecret)), want: explain.SecretHex},
		"a wrapper's facts":  {configured: wider{acme{"http://example.com/hook?tenant=1"}}, want: explain.URL},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := acmeSigned(t, acme{acmeURL}, c.age, `{"a":1}`)
			if c.change != nil {
				c.change(r)
			}
			if c.configured == nil {
				c.configured = acme{acmeURL}
			}
			if c.secret == "" {
				c.secret = acmeSecret
			}
			e := input{Config: acmeConfig(c.configured), Keys: core.Secrets(c.secret), Request: r}.explain(t.Context())
			if len(e.Findings) == 0 || e.Findings[0].Mistake != c.want || !e.Findings[0].Proven {
				t.Errorf("got %v, want %s, proven", e, c.want)
			}
		})
	}
}

func moveHeader(r *core.Request, from, to string) {
	h, _ := r.Header.(http.Header)
	h[to] = h[from]
	delete(h, from)
}

func TestAWrapperThatLosesTheFactsOfItsSchemeIsRefusedEverywhere(t *testing.T) {
	t.Parallel()
	type deeper struct{ forgetful }
	for name, lost := range map[string]core.Scheme{
		"a value":          forgetful{acme{acmeURL}},
		"a pointer":        &forgetful{acme{acmeURL}},
		"one more struct":  deeper{forgetful{acme{acmeURL}}},
		"one more scheme":  forgetful{forgetful{schemes.GitHub()}},
		"behind a wrapper": wider{forgetful{acme{acmeURL}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, of := core.New(core.Secrets(acmeSecret), memstore.New(), acmeConfig(lost))
			_, ofAny := schemes.Any("moving", schemes.GitHub(), lost)
			ofSign := schemes.Sign(lost, acmeSigned(t, acme{acmeURL}, 0, "{}"), "", time.Unix(acmeNow, 0), acmeSecret)
			for what, err := range map[string]error{
				"core.New": of, "schemes.Any": ofAny, "schemes.Sign": ofSign, "CloudEvents": core.FactsOf(schemes.CloudEvents(lost, "acme.example")).Mistake,
			} {
				if err == nil || !strings.Contains(err.Error(), "core.FactsOf") {
					t.Errorf("%s: %v", what, err)
				}
			}
		})
	}
	if _, err := core.New(core.Secrets(acmeSecret), memstore.New(), acmeConfig(acme{})); err == nil || !strings.Contains(err.Error(), "acme needs the URL") {
		t.Errorf("without its URL: %v", err)
	}
}

// moving signs the body only, and keeps what its keys need in the attempt's state. It is for
// [schemes.Any].
type moving struct{}

func (moving) Name() string            { return "moving" }
func (moving) Stamping() core.Stamping { return core.NotStamped }
func (moving) Facts() core.Facts {
	return core.Facts{
		FreeText: true, IdentifiedBy: "{body}", Headers: [][]string{{"Moving-Signature"}},
		Challenge: func(_ context.Context, r *core.Request, _ *core.Message, key core.VerifyKey) *core.Answer {
			if _, ok := key.(movingKey); !ok || string(r.Body) != "ping" {
				return nil
			}
			return &core.Answer{Status: http.StatusAccepted}
		},
	}
}

func (moving) ParseKey(text string) (core.VerifyKey, error) { return movingKey{text}, nil }

func (moving) ReadHeader(r *core.Request, a *core.Attempt) error {
	text, err := one(r.Header, "Moving-Signature")
	a.State = text
	return err
}

func (moving) ReadBody(r *core.Request, a *core.Attempt) error {
	text, _ := a.State.(string)
	a.State = strings.ToLower(text)
	a.BodySigned = true
	a.Content.WriteBody(r.Body)
	return nil
}

type movingKey struct{ secret string }

func (k movingKey) Verify(_ context.Context, a *core.Attempt) (bool, error) {
	text, _ := a.State.(string)
	return text != "" && text == acmeSum(k.secret, &a.Content), nil
}

func TestAnyAcceptsAThirdPartySchemeByItsFacts(t *testing.T) {
	t.Parallel()
	scheme, err := schemes.Any("both", moving{}, schemes.GitHub())
	if err != nil {
		t.Fatal(err)
	}
	v := core.Must(core.New(core.Secrets(acmeSecret), memstore.New(), &core.Config{Scheme: scheme, DangerouslyReplayableAfterRestart: true}))
	request := func(body string) *core.Request {
		r := &core.Request{Method: http.MethodPost, URL: "/hook", Header: http.Header{}, Body: []byte(body)}
		if err := schemes.Sign(schemes.GitHub(), r, "d-1", time.Unix(acmeNow, 0), acmeSecret); err != nil {
			t.Fatal(err)
		}
		var c core.Content
		c.WriteString(body)
		h, _ := r.Header.(http.Header)
		h["Moving-Signature"] = []string{strings.ToUpper(acmeSum(acmeSecret, &c))}
		return r
	}
	only := func(r *core.Request, name string) *core.Request {
		h, _ := r.Header.(http.Header)
		delete(h, name)
		return r
	}
	d := v.Admit(t.Context(), request("{}"), whole("{}"))
	if d.Err() != nil {
		t.Fatal(d.Err())
	}
	d.Settle(http.StatusOK)
	for name, r := range map[string]*core.Request{
		"moving alone": only(request("{}"), "X-Hub-Signature-256"), "GitHub alone": only(only(request("{}"), "Moving-Signature"), "X-Github-Delivery"),
	} {
		if d := v.Admit(t.Context(), r, whole("{}")); d.Answer() == nil {
			t.Errorf("%s: the message ran again", name)
		}
	}
	if a := v.Admit(t.Context(), request("ping"), whole("ping")).Answer(); a == nil || a.Status != http.StatusAccepted {
		t.Errorf("the challenge of a member: %+v", a)
	}
	nested, err := schemes.Any("nested", scheme, schemes.GitHub())
	if err != nil {
		t.Fatal(err)
	}
	w := core.Must(core.New(core.Secrets(acmeSecret), memstore.New(), &core.Config{Scheme: nested, DangerouslyReplayableAfterRestart: true}))
	if _, err := w.Verify(t.Context(), request("{}")); err != nil {
		t.Errorf("one Any in another: %v", err)
	}
	if _, err := schemes.Any("no", acme{acmeURL}, schemes.GitHub()); err == nil {
		t.Error("a scheme that signs its time beside a message without an id is a member")
	}
}

// dialing is a third-party scheme whose keys call a server.
type dialing struct {
	moving

	says    bool // that it fetches
	address string
	called  *atomic.Int64
}

func (d dialing) Facts() core.Facts { return core.Facts{Fetches: d.says, FreeText: true} }

func (d dialing) ParseKey(string) (core.VerifyKey, error) { return d, nil }

// Verify ignores its context. It may if the scheme says that it fetches: then explain must never
// call it.
func (d dialing) Verify(ctx context.Context, _ *core.Attempt) (bool, error) {
	d.called.Add(1)
	if d.says {
		ctx = context.WithoutCancel(ctx)
	}
	c, err := new(net.Dialer).DialContext(ctx, "tcp", d.address)
	if err != nil {
		return false, err
	}
	return false, c.Close()
}

func TestExplainDoesNoIOThroughAThirdPartyKey(t *testing.T) {
	t.Parallel()
	for name, says := range map[string]bool{"which says that it fetches": true, "which does not": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = l.Close() })
			var reached, called atomic.Int64
			go func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					reached.Add(1)
					_ = c.Close()
				}
			}()
			scheme := dialing{says: says, address: l.Addr().String(), called: &called}
			r := &core.Request{Method: http.MethodPost, URL: "/hook", Header: http.Header{"Moving-Signature": {"wrong"}}, Body: []byte(`{"a":1}`)}
			e := input{
				Config: &core.Config{Scheme: scheme, DangerouslyReplayableAfterRestart: true}, Keys: core.Secrets(acmeSecret), Request: r,
				Others: map[string]*core.Keys{"other": core.Secrets(acmeStranger)},
			}.explain(t.Context())
			if says && called.Load() != 0 || !says && called.Load() == 0 {
				t.Errorf("Verify was called %d times", called.Load())
			}
			if len(e.Findings) == 0 {
				t.Errorf("no finding: %v", e)
			}
			if says && e.Findings[0].Mistake != explain.NotTried {
				t.Errorf("got %v, want %s", e, explain.NotTried)
			}
			time.Sleep(10 * time.Millisecond) // a connection would be accepted meanwhile
			if n := reached.Load(); n != 0 {
				t.Errorf("explain made %d connections", n)
			}
			// The verifier itself must call the server, or the test proves nothing.
			v := core.Must(core.New(core.Secrets(acmeSecret), memstore.New(), &core.Config{Scheme: scheme, DangerouslyReplayableAfterRestart: true}))
			if _, err := v.Verify(t.Context(), r); err == nil {
				t.Error("accepted")
			}
			if n := called.Load(); n == 0 {
				t.Error("the verifier does not ask the key either")
			}
		})
	}
}

// relying is moving with keys that depend on what ReadHeader left in the attempt.
type relying struct{ moving }

func (s relying) ReadHeader(r *core.Request, a *core.Attempt) error {
	err := s.moving.ReadHeader(r, a)
	a.Signatures = append(a.Signatures, core.Signature{Text: "in the state"})
	return err
}

func (relying) ParseKey(text string) (core.VerifyKey, error) { return relyingKey{text}, nil }

type relyingKey struct{ secret string }

func (k relyingKey) Verify(_ context.Context, a *core.Attempt) (bool, error) {
	return a.State.(string) == acmeSum(k.secret, &a.Content), nil //nolint:forcetypeassert,errcheck // the point
}

func TestExplainAsksAThirdPartyKeyOnlyAboutWhatItsSchemeRead(t *testing.T) {
	t.Parallel()
	r := &core.Request{Method: http.MethodPost, URL: "/hook", Header: http.Header{"Moving-Signature": {strings.Repeat("ab", 48)}}, Body: []byte(`{"a":1}`)}
	e := input{Config: &core.Config{Scheme: relying{}, DangerouslyReplayableAfterRestart: true}, Keys: core.Secrets(acmeSecret), Request: r}.explain(t.Context())
	if len(e.Findings) != 1 || e.Findings[0].Mistake != explain.Unknown {
		t.Errorf("got %v", e)
	}
}

// A refusal before the signature was compared says nothing about the secret.
func TestARefusalBeforeTheSignatureIsReportedAsItIs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(h http.Header)
		want   string
	}{
		"malformed": {func(h http.Header) { h["X-Slack-Request-Timestamp"] = []string{"no time"} }, "unknown: malformed: "},
		"too old":   {func(h http.Header) { h["X-Slack-Signature"] = []string{"v0=00"} }, "unknown: outside-window: "},
		"compared":  {nil, "unknown: the signature does not match"},
	} {
		at := time.Unix(acmeNow, 0)
		if name == "too old" {
			at = at.Add(-time.Hour)
		}
		r := &core.Request{Method: http.MethodPost, URL: "/hook", Header: http.Header{}, Body: []byte(`{"a":1}`)}
		if err := schemes.Sign(schemes.Slack(), r, "", at, acmeStranger); err != nil {
			t.Fatal(err)
		}
		if h, _ := r.Header.(http.Header); c.change != nil {
			c.change(h)
		}
		e := input{Config: acmeConfig(schemes.Slack()), Keys: core.Secrets(acmeSecret), Request: r}.explain(t.Context())
		if !strings.HasPrefix(firstLine(e), c.want) || c.change != nil && strings.Contains(e.String(), "Compare the secret") {
			t.Errorf("%s: got %v, want %q", name, e, c.want)
		}
	}
}
