package whtest

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
)

func standardSubject(t *testing.T, signWith, secret, stranger string) Subject {
	t.Helper()
	signer, err := core.NewSigner(signWith)
	if err != nil {
		t.Fatal(err)
	}
	return Subject{Scheme: core.StandardWebhooks{}, Secret: secret, Stranger: stranger, Sign: func(id string, at time.Time, content []byte) *core.Request {
		r := &core.Request{Method: http.MethodPost, URL: "/hook", Header: http.Header{"Content-Type": {"application/json"}}, Body: content}
		if err := signer.Sign(lines(r), id, at, content); err != nil {
			panic(err)
		}
		return r
	}}
}

func TestStandardWebhooksPassesTheSuite(t *testing.T) {
	t.Parallel()
	t.Run("v1", func(t *testing.T) {
		t.Parallel()
		secret := core.GenerateSecret()
		TestScheme(t, standardSubject(t, secret, secret, core.GenerateSecret()))
	})
	t.Run("v1a", func(t *testing.T) {
		t.Parallel()
		signing, public := core.GenerateKeyPair()
		_, stranger := core.GenerateKeyPair()
		TestScheme(t, standardSubject(t, signing, public, stranger))
	})
	t.Run("v1 with ids that hold dots", func(t *testing.T) {
		t.Parallel()
		secret := core.GenerateSecret()
		s := standardSubject(t, secret, secret, core.GenerateSecret())
		s.Scheme = core.StandardWebhooks{DangerouslyAllowDots: true}
		TestScheme(t, s)
	})
}

// toy is a scheme with a switch for each mistake: headers Toy-Id, Toy-Time and Toy-Sig
// ("h=hex,h=hex").
type toy struct {
	mistake string
	kept    *kept
}

type kept struct {
	mu       sync.Mutex
	requests []*core.Request
	id       string
	calls    int
}

func (s toy) Name() string {
	if s.mistake == "name changes" {
		s.kept.mu.Lock()
		defer s.kept.mu.Unlock()
		s.kept.calls++
		return strconv.Itoa(s.kept.calls)
	}
	return "toy"
}
func (toy) Stamping() core.Stamping { return core.StampedEachAttempt }

func (s toy) ParseKey(text string) (core.VerifyKey, error) {
	if s.mistake == "secret in error" && strings.Contains(text, "!") {
		return nil, fmt.Errorf("not a secret: %q", text)
	}
	if s.mistake == "cut secret panics" && len(text) < 4 {
		return nil, errors.New(text[:4])
	}
	if text == "" && s.mistake != "empty secret" {
		return nil, errors.New("empty")
	}
	return &toyKey{toy: s, secret: []byte(text)}, nil
}

func (s toy) one(h core.Header, name string) (string, error) {
	v := h.Values(name)
	switch s.mistake {
	case "wants a map":
		m, _ := h.(http.Header)
		v = m[name]
	case "copies all headers":
		v = h.Clone()[name]
	}
	switch {
	case len(v) == 0:
		return "", core.ErrMissingHeader
	case len(v) > 1 && s.mistake != "first of repeated headers":
		return "", core.ErrMalformed
	}
	return v[0], nil
}

func (s toy) ReadHeader(r *core.Request, a *core.Attempt) error {
	id, err := s.one(r.Header, "Toy-Id")
	if err != nil {
		return err
	}
	stamp, err := s.one(r.Header, "Toy-Time")
	if err != nil {
		return err
	}
	sigs, err := s.one(r.Header, "Toy-Sig")
	if err != nil {
		return err
	}
	if strings.Contains(id, ".") && s.mistake != "dot in id" || id == "" {
		return core.ErrMalformed
	}
	n, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		if s.mistake == "bad header is an outage" {
			return &core.Error{Reason: core.ErrKeysUnavailable}
		}
		return core.ErrMalformed
	}
	if s.mistake == "panics on a short header" {
		_ = sigs[7:]
	}
	for i, entry := range strings.Split(sigs, ",") {
		if label, text, ok := strings.Cut(entry, "="); ok {
			a.Signatures = append(a.Signatures, core.Signature{Label: label, Text: text})
		}
		if i > 16 && s.mistake != "unbounded list" {
			return core.ErrMalformed
		}
	}
	a.ID, a.IDSigned, a.BodySigned, a.Timestamp = id, true, true, time.Unix(n, 0)
	switch s.mistake {
	case "id from the signature":
		a.ID = a.Signatures[0].Text
	case "id is the same for all":
		a.ID = "x"
	case "id is the attempt's":
		a.ID = id + stamp
	case "no time":
		a.Timestamp = time.Time{}
	case "milliseconds":
		a.Timestamp = time.UnixMilli(n)
	case "event type not signed":
		a.Stable = append(a.Stable, []byte(strings.Join(r.Header.Values("Toy-Type"), "")))
	case "id from a header if it is there":
		if v := r.Header.Values("Toy-Event"); len(v) == 1 {
			a.ID = v[0]
		}
	case "time from a header if it is there":
		if v, err := strconv.ParseInt(strings.Join(r.Header.Values("Toy-Sent"), ""), 10, 64); err == nil {
			a.Timestamp = time.Unix(v, 0)
		}
	case "expiry from a header if it is there":
		if v, err := strconv.ParseInt(strings.Join(r.Header.Values("Toy-Expires"), ""), 10, 64); err == nil {
			a.Expires = time.Unix(v, 0).Add(time.Hour)
		}
	case "the same stable part":
		a.Stable = append(a.Stable, []byte("x"))
	case "keeps the request":
		s.kept.mu.Lock()
		s.kept.requests = append(s.kept.requests, r)
		s.kept.mu.Unlock()
	case "keeps the id of the first":
		s.kept.mu.Lock()
		if s.kept.id == "" {
			s.kept.id = id
		}
		a.ID = s.kept.id
		s.kept.mu.Unlock()
	case "state on the scheme":
		s.kept.mu.Lock()
		s.kept.id = id
		s.kept.mu.Unlock()
	case "changes the request":
		lines(r).Del("Toy-Sig")
	}
	s.content(a, id, stamp)
	return nil
}

func (s toy) content(a *core.Attempt, id, stamp string) {
	if s.mistake != "id not signed" {
		a.Content.WriteString(id + ".")
	}
	switch s.mistake {
	case "timestamp not signed":
	case "time not marked":
		a.Content.WriteString(stamp)
	case "three times marked": // two count, and they are what all attempts have in common
		a.Content.WriteTime(id)
		a.Content.WriteTime(id)
		a.Content.WriteTime(stamp)
	default:
		a.Content.WriteTime(stamp)
	}
	a.Content.WriteString(".")
}

func (s toy) ReadBody(r *core.Request, a *core.Attempt) error {
	switch s.mistake {
	case "body not signed":
	case "state on the scheme":
		runtime.Gosched()
		s.kept.mu.Lock()
		a.ID = s.kept.id
		s.kept.mu.Unlock()
		a.Content.WriteBody(r.Body)
	case "three times marked": // a copy, so that what stands around it counts
		_, _ = a.Content.Write(r.Body)
	case "body cut at a zero byte":
		body, _, _ := bytes.Cut(r.Body, []byte{0})
		a.Content.WriteBody(body)
	case "body folded":
		a.Content.WriteBody(bytes.ToLower(r.Body))
	case "first 4 KiB":
		a.Content.WriteBody(r.Body[:min(len(r.Body), 4<<10)])
	case "first 64 KiB":
		a.Content.WriteBody(r.Body[:min(len(r.Body), 64<<10)])
	case "id falls back on a header":
		if string(r.Body) == `{"id":null}` {
			a.ID = strings.Join(r.Header.Values("Toy-Type"), "")
		}
		a.Content.WriteBody(r.Body)
	case "body trimmed":
		a.Content.WriteBody(bytes.TrimSpace(r.Body))
	case "empty body not signed":
		if len(r.Body) > 1 {
			a.Content.WriteBody(r.Body)
		}
	case "body panics":
		_ = r.Body[0]
		fallthrough
	default:
		a.Content.WriteBody(r.Body)
	}
	return nil
}

type toyKey struct {
	toy

	secret []byte
}

func (k *toyKey) sum(a *core.Attempt) string {
	mac := hmac.New(sha256.New, k.secret)
	_, _ = a.Content.WriteTo(mac)
	return hex.EncodeToString(mac.Sum(nil))
}

func (k *toyKey) Verify(_ context.Context, a *core.Attempt) (bool, error) {
	want := k.sum(a)
	if len(a.Signatures) == 0 {
		return k.mistake == "empty list", nil
	}
	for _, s := range a.Signatures {
		if s.Label != "h" {
			continue
		}
		switch k.mistake {
		case "compares a prefix":
			if s.Text != "" && strings.HasPrefix(want, s.Text) {
				return true, nil
			}
		case "any case", "id from the signature":
			if strings.EqualFold(want, s.Text) {
				return true, nil
			}
		case "every key":
			return true, nil
		case "only the first signature":
			return want == s.Text, nil
		case "wrong is an outage":
			if want != s.Text {
				return false, errors.New("wrong")
			}
		}
		if want == s.Text {
			return true, nil
		}
	}
	return false, nil
}

func toySubject(mistake string) Subject {
	s := toy{mistake, new(kept)}
	const secret = "correct horse battery staple"
	return Subject{Scheme: s, Secret: strings.ReplaceAll(secret, " ", "-"), Stranger: "a-key-of-somebody-else", Sign: func(id string, at time.Time, content []byte) *core.Request {
		stamp := strconv.FormatInt(at.Unix(), 10)
		var a core.Attempt
		s.content(&a, id, stamp)
		r := &core.Request{Method: http.MethodPost, URL: "/hook", Body: content}
		_ = s.ReadBody(r, &a)
		k := toyKey{s, []byte(strings.ReplaceAll(secret, " ", "-"))}
		r.Header = http.Header{"Toy-Id": {id}, "Toy-Time": {stamp}, "Toy-Sig": {"h=" + k.sum(&a)}, "Toy-Type": {"paid"}}
		return r
	}}
}

func TestEveryBrokenSchemeIsCaught(t *testing.T) {
	t.Parallel()
	for mistake, caught := range map[string]string{
		"":                          "", // the toy itself is sound
		"name changes":              "name",
		"secret in error":           "secret in error",
		"cut secret panics":         "empty or cut secret",
		"empty secret":              "empty or cut secret",
		"first of repeated headers": "repeated header",
		"dot in id":                 "shifted boundary",
		"bad header is an outage":   "timestamp spelling",
		"panics on a short header":  "hostile headers",
		"unbounded list":            "many signatures",
		"id from the signature":     "changed header",
		"id is the same for all":    "two messages",
		"id is the attempt's":       "two messages",
		"no time":                   "genuine",
		"milliseconds":              "genuine",
		"keeps the request":         "request not kept",
		"keeps the id of the first": "two messages",
		"state on the scheme":       "concurrent use",
		"changes the request":       "request unchanged",
		"id not signed":             "changed header",
		"timestamp not signed":      "changed header",
		"body not signed":           "changed body",
		"body trimmed":              "changed body",
		"empty body not signed":     "empty body",
		"body panics":               "hostile body",
		"empty list":                "no signature",
		"compares a prefix":         "signature spelling",
		"any case":                  "signature spelling",
		"every key":                 "another secret",
		"only the first signature":  "stripped or added signatures",
		"wrong is an outage":        "signature spelling",
		"time not marked":           "one id, two contents",
		"three times marked":        "two attempts",
		"event type not signed":     "changed header",
		"body cut at a zero byte":   "changed body",
		"body folded":               "case of the body",
		"first 4 KiB":               "long body",
		"first 64 KiB":              "long body",
		"the same stable part":      "one id, two contents",
		"id falls back on a header": "signed bytes",
		"wants a map":               "headers by name",

		"id from a header if it is there":     "absent header",
		"time from a header if it is there":   "absent header",
		"expiry from a header if it is there": "absent header",

		"copies all headers": "headers by name",
	} {
		t.Run("mistake "+mistake, func(t *testing.T) {
			t.Parallel()
			var failed, findings []string
			for _, c := range schemeCases() {
				if problems := c.run(toySubject(mistake)); len(problems) > 0 {
					failed = append(failed, c.name)
					findings = append(findings, problems...)
				}
			}
			if caught == "" && failed != nil || caught != "" && !slices.Contains(failed, caught) {
				t.Errorf("caught by %q, want %q: %q", failed, caught, findings)
			}
		})
	}
}

// plainSubject is the scheme plain as a Subject of the suite.
func plainSubject(scheme core.Scheme, timed bool) Subject {
	const secret = "correct-horse-battery-staple"
	return Subject{Scheme: scheme, Secret: secret, Stranger: "a-key-of-somebody-else", Sign: func(_ string, at time.Time, content []byte) *core.Request {
		stamp := &at
		if !timed {
			stamp = nil
		}
		return &core.Request{
			Method: http.MethodPost, URL: "/hook", Body: content,
			Header: plainHeader(secret, stamp, "3e3f1c52-6d1c-4b57-9a51-8a2a0b6d1c11", "order.created", content),
		}
	}}
}

func TestTheSuitesOwnSchemesPass(t *testing.T) {
	t.Parallel()
	for _, timed := range []bool{false, true} {
		t.Run(fmt.Sprintf("timed %v", timed), func(t *testing.T) {
			t.Parallel()
			TestScheme(t, plainSubject(plain{timed: timed}, timed))
		})
	}
}

// wrong is the scheme plain with one mistake about its unsigned ids.
type wrong struct {
	plain

	mistake string
	calls   *atomic.Int64
}

// ReadHeader implements core.Scheme.
func (s wrong) ReadHeader(r *core.Request, a *core.Attempt) error {
	if err := s.plain.ReadHeader(r, a); err != nil {
		return err
	}
	switch s.mistake {
	case "counts what is there":
		a.Unsigned = slices.DeleteFunc(a.Unsigned, func(id string) bool { return id == "" })
	case "any order":
		if s.calls.Add(1)%3 == 0 {
			slices.Reverse(a.Unsigned)
		}
	case "cut":
		a.Unsigned[0] = a.Unsigned[0][:min(len(a.Unsigned[0]), 8)]
	case "constant":
		a.Unsigned[0] = "delivery"
	case "id said to be signed":
		a.IDSigned = true
	case "time not marked":
		stamp := strings.Join(r.Header.Values("Plain-Time"), "")
		a.Content = core.Content{}
		a.Content.WriteString(stamp + ".")
	case "in the content":
		a.Content.WriteString(strings.Join(r.Header.Values("Plain-Delivery"), ""))
	}
	return nil
}

// ReadBody implements core.Scheme.
func (s wrong) ReadBody(r *core.Request, a *core.Attempt) error {
	a.State = r.Body
	return s.plain.ReadBody(r, a)
}

// ParseKey implements core.Scheme.
func (s wrong) ParseKey(secret string) (core.VerifyKey, error) {
	k, err := s.plain.ParseKey(secret)
	if err != nil || s.mistake != "in the content" {
		return k, err
	}
	return bodyKey{k}, nil
}

// bodyKey verifies the body and ignores the signed content.
type bodyKey struct{ core.VerifyKey }

// Verify implements core.VerifyKey.
func (k bodyKey) Verify(ctx context.Context, a *core.Attempt) (bool, error) {
	alone := core.Attempt{Signatures: a.Signatures}
	body, _ := a.State.([]byte)
	alone.Content.WriteBody(body)
	return k.VerifyKey.Verify(ctx, &alone)
}

func TestEverySchemeWithWrongUnsignedIDsIsCaught(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		mistake string
		timed   bool
		caught  string
	}{
		{"", false, ""},
		{"", true, ""},
		{"counts what is there", false, "unsigned ids"},
		{"counts what is there", true, "unsigned ids"},
		{"any order", false, "unsigned ids"},
		{"cut", false, "unsigned ids"},
		{"constant", false, "unsigned ids"},
		{"constant", true, "unsigned ids"},
		{"id said to be signed", false, "changed header"},
		{"time not marked", true, "two attempts"},
		{"in the content", false, "repeats"},
	} {
		t.Run(fmt.Sprintf("%s, timed %v", c.mistake, c.timed), func(t *testing.T) {
			t.Parallel()
			var failed, findings []string
			for _, sc := range schemeCases() {
				if problems := sc.run(plainSubject(wrong{plain{timed: c.timed}, c.mistake, new(atomic.Int64)}, c.timed)); len(problems) > 0 {
					failed = append(failed, sc.name)
					findings = append(findings, problems...)
				}
			}
			if c.caught == "" && failed != nil || c.caught != "" && !slices.Contains(failed, c.caught) {
				t.Errorf("caught by %q, want %q: %q", failed, c.caught, findings)
			} else {
				t.Logf("%q: %q", failed, findings)
			}
		})
	}
}
