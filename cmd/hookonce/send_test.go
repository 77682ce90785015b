package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/schemes"
)

func TestTheScheduleIsThatOfStandardWebhooks(t *testing.T) {
	t.Parallel()
	s, err := parseSchedule("standard")
	if err != nil || len(s) != 10 {
		t.Fatalf("%v %v", s, err)
	}
	var total time.Duration
	for i := range s {
		total += s.before(i)
	}
	if total != 75*time.Hour+35*time.Minute+5*time.Second {
		t.Errorf("all in all %v", total)
	}
	if s.before(99) != 24*time.Hour {
		t.Errorf("after the last wait: %v", s.before(99))
	}
}

func TestWaits(t *testing.T) {
	t.Parallel()
	s := schedule{0, time.Second, time.Minute, time.Hour}
	for name, tt := range map[string]struct {
		before, status int
		retryAfter     time.Duration
		want           time.Duration
	}{
		"as scheduled":                       {1, 500, 0, time.Second},
		"the last again":                     {9, 500, 0, time.Hour},
		"too many requests":                  {1, 429, 0, time.Minute},
		"a bad gateway":                      {1, 502, 0, time.Minute},
		"a gateway that waited":              {2, 504, 0, time.Hour},
		"too many requests, at the end":      {9, 429, 0, time.Hour},
		"Retry-After is longer":              {1, 503, 5 * time.Second, 5 * time.Second},
		"Retry-After is shorter":             {2, 503, 5 * time.Second, time.Minute},
		"Retry-After is longer than a week":  {1, 503, 1000 * time.Hour, maxWait},
		"Retry-After with too many requests": {1, 429, 2 * time.Hour, 2 * time.Hour},
	} {
		if got := s.next(tt.before, tt.status, tt.retryAfter, 0); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
	for range 200 {
		if got := s.next(2, 500, 0, 0.1); got < time.Minute || got > 66*time.Second {
			t.Errorf("with jitter: %v", got)
		}
	}
}

func TestRetryAfterIsSecondsOrADate(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_760_000_000, 0).UTC()
	for text, want := range map[string]time.Duration{
		"": 0, "5": 5 * time.Second, "-5": 0, "soon": 0, "0": 0, "99999999999": maxWait,
		now.Add(90 * time.Second).Format(http.TimeFormat): 90 * time.Second, now.Add(-time.Hour).Format(http.TimeFormat): 0,
	} {
		if got := parseRetryAfter(text, now); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

// endpoint responds with one function after the other and keeps the requests.
type endpoint struct {
	*httptest.Server

	mu      sync.Mutex
	headers []http.Header
	bodies  []string
}

func newEndpoint(t *testing.T, answers ...http.HandlerFunc) *endpoint {
	t.Helper()
	e := new(endpoint)
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		e.mu.Lock()
		e.headers, e.bodies = append(e.headers, r.Header), append(e.bodies, string(body))
		answer := answers[min(len(e.headers), len(answers))-1]
		e.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(e.Close)
	return e
}

// count is how many attempts arrived.
func (e *endpoint) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.headers)
}

func status(code int, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(code)
	}
}

func TestEachAttemptIsSignedAnewUnderOneID(t *testing.T) {
	t.Parallel()
	secret := core.GenerateSecret()
	e := newEndpoint(t, status(503), status(500), status(204))
	got := hookonce(t, "", nil, "send", "--to", e.URL+"/hook", "--secret", secret, "--data", "{}", "--schedule", "0,1100ms", "--jitter", "0", "--attempts", "5")
	if got.code != 0 || !strings.HasSuffix(got.out, ", on attempt 3\n") || strings.Count(got.errs, "\n") != 3 ||
		!strings.Contains(got.errs, "attempt 1 of 5: 503 Service Unavailable; the next one in 1.1s") {
		t.Fatalf("%+v", got)
	}
	v := core.Must(core.New(core.Secrets(secret), &everything{}, nil))
	var stamps []string
	for i, h := range e.headers {
		m, err := v.Verify(t.Context(), &core.Request{Method: http.MethodPost, URL: "/hook", Header: h, Body: []byte(e.bodies[i])})
		if err != nil || !strings.Contains(got.out, m.ID) || e.bodies[i] != "{}" {
			t.Errorf("attempt %d: id %s, error %v", i+1, m.ID, err)
		}
		stamps = append(stamps, h.Get("Webhook-Timestamp"))
	}
	if slices.Sort(stamps); len(slices.Compact(stamps)) != 3 {
		t.Errorf("timestamps %q", stamps)
	}
}

// everything is a store that is never called.
type everything struct{ core.SeenStore }

func TestWhatEndsSending(t *testing.T) {
	t.Parallel()
	secret := file(t, core.GenerateSecret())
	elsewhere := newEndpoint(t, status(200))
	for name, tt := range map[string]struct {
		answers  []http.HandlerFunc
		args     []string
		attempts int
		code     int
		want     string
	}{
		"success":                {[]http.HandlerFunc{status(202)}, nil, 1, 0, "delivered"},
		"gone":                   {[]http.HandlerFunc{status(500), status(410)}, nil, 2, 1, "no longer wants"},
		"the end of the waits":   {[]http.HandlerFunc{status(500)}, nil, 3, 1, "no success after attempt 3"},
		"the number of attempts": {[]http.HandlerFunc{status(500)}, []string{"--attempts", "2"}, 2, 1, "no success after attempt 2"},
		"more attempts than waits": {
			[]http.HandlerFunc{status(500), status(500), status(500), status(500), status(200)},
			[]string{"--attempts", "9"},
			5, 0, "on attempt 5",
		},
		"a redirect is a failure": {[]http.HandlerFunc{status(307, "Location", elsewhere.URL)}, nil, 3, 1, "not delivered"},
		"a refusal is told":       {[]http.HandlerFunc{refusal}, nil, 3, 1, "not delivered"},
		"too slow": {[]http.HandlerFunc{func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-time.After(time.Minute):
			}
		}}, []string{"--attempts", "1", "--timeout", "5s"}, 1, 1, "not delivered"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEndpoint(t, tt.answers...)
			got := hookonce(t, "", nil, append([]string{"send", "--to", e.URL, "--secret-file", secret, "--schedule", "0,1ms,1ms"}, tt.args...)...)
			if got.code != tt.code || !strings.Contains(got.out, tt.want) || e.count() != tt.attempts {
				t.Errorf("%+v after %d attempts", got, e.count())
			}
			if name == "a refusal is told" && (!strings.Contains(got.errs, "401 Unauthorized (unauthenticated)") || strings.Count(got.errs, "hookonce explain") != 1) {
				t.Errorf("%s", got.errs)
			}
		})
	}
	t.Cleanup(func() {
		if elsewhere.count() > 0 {
			t.Error("the redirect was followed")
		}
	})
}

func refusal(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusUnauthorized)
	_, _ = fmt.Fprint(w, `{"type":"urn:hookonce:unauthenticated","title":"Unauthorized","status":401}`)
}

func TestRetryAfterIsKept(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t, status(503, "Retry-After", "1"), status(200))
	began := time.Now()
	got := hookonce(t, "", []string{"WEBHOOK_SECRET=" + core.GenerateSecret()}, "send", "--to", e.URL, "--schedule", "0,1ms", "--json")
	var d delivery
	if err := json.Unmarshal([]byte(got.out), &d); err != nil || got.code != 0 || len(d.Attempts) != 2 || d.Attempts[0].Status != 503 {
		t.Fatalf("%+v", got)
	}
	if took := time.Since(began); took < time.Second {
		t.Errorf("sent again after %v", took)
	}
}

func TestAPublicURLThatIsNotWhereItGoes(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t, status(200))
	secret := file(t, "a-signature-key")
	got := hookonce(t, "", nil, "send", "--scheme", "square", "--url", "https://example.com/hook", "--to", e.URL+"/hook", "--secret-file", secret)
	if got.code != 0 {
		t.Fatalf("%+v", got)
	}
	request := "POST /hook HTTP/1.1\nHost: example.com\nX-Square-Hmacsha256-Signature: " + e.headers[0].Get("X-Square-Hmacsha256-Signature") + "\n\n" + e.bodies[0]
	if got := hookonce(t, request, nil, "verify", "--scheme", "square", "--secret-file", secret, "--request", "-"); got.code != 0 {
		t.Errorf("%+v", got)
	}
}

func TestOneAttemptIsMadeUnlessMoreAreAskedFor(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t, status(500))
	secret := file(t, core.GenerateSecret())
	got := hookonce(t, "", nil, "send", "--to", e.URL, "--secret-file", secret)
	if got.code != 1 || e.count() != 1 || !strings.HasPrefix(got.errs, "attempt 1 of 1: 500 ") {
		t.Errorf("%+v after %d attempts", got, e.count())
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var errs strings.Builder
	untilNext := writerFunc(func(p []byte) (int, error) {
		errs.Write(p)
		if strings.Contains(errs.String(), "the next one in") {
			cancel()
		}
		return len(p), nil
	})
	code := run(ctx, []string{"send", "--to", e.URL, "--secret-file", secret, "--attempts", "3", "--jitter", "0"}, nil, io.Discard, untilNext, os.LookupEnv)
	if code != 1 || !strings.HasPrefix(errs.String(), "attempt 1 of 3: 500 Internal Server Error; the next one in 5s\n") {
		t.Errorf("--attempts alone: %d, %s", code, errs.String())
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestTheResponseIsShown(t *testing.T) {
	t.Parallel()
	secret := core.GenerateSecret()
	for name, tt := range map[string]struct {
		answer    http.HandlerFunc
		code      int
		out, errs string
	}{
		"text":          {body(200, "hello\nyou\n"), 0, "delivered: msg_1, on attempt 1", "200 OK\n  hello\n  you\n"},
		"nothing":       {status(204), 0, "delivered: msg_1, on attempt 1", "204 No Content\n"},
		"a failure":     {body(500, "panic"), 1, "not delivered: msg_1: no success after attempt 1", "500 Internal Server Error\n  panic\n"},
		"a redelivery":  {status(200, "Webhook-Redelivery", "acknowledged"), 0, "redelivery: msg_1, on attempt 1: the receiver had already handled it", "200 OK\n"},
		"the secret":    {body(400, "wrong: "+secret), 1, "not delivered", "  wrong: [redacted]\n"},
		"a terminal":    {body(200, "\x1b[2J\u202e\u009b"), 0, "delivered", "  \ufffd[2J\ufffd\ufffd\n"},
		"bytes":         {body(200, "\xff\x00"), 0, "delivered", "  (the body is not text)\n"},
		"too much":      {body(200, strings.Repeat("é", 5000)), 0, "delivered", "  " + strings.Repeat("é", maxShown/2) + " …\n"},
		"a redirect":    {status(301, "Location", "/hook/?token=x"), 1, "the last one was redirected to http://127.0.0.1:", "/hook/, not followed: register the final URL\n"},
		"no redirect":   {status(304), 1, "not delivered", "304 Not Modified\n"},
		"a bad address": {status(302, "Location", "http://a b/"), 1, "not delivered", "302 Found\n"},
	} {
		e := newEndpoint(t, tt.answer)
		got := hookonce(t, "", nil, "send", "--to", e.URL+"/hook", "--secret", secret, "--id", "msg_1")
		if got.code != tt.code || !strings.HasPrefix(got.out, tt.out) && !strings.Contains(got.out, tt.out) || !strings.HasSuffix(got.errs, tt.errs) || strings.Contains(got.errs+got.out, "token") {
			t.Errorf("%s: %+v", name, got)
		}
		var d delivery
		asJSON := hookonce(t, "", nil, "send", "--to", e.URL+"/hook", "--secret", secret, "--id", "msg_1", "--json")
		if err := json.Unmarshal([]byte(asJSON.out), &d); err != nil || d.Redelivery != (name == "a redelivery") || (d.Attempts[0].Body != "") != strings.Contains(tt.errs, "  ") ||
			(d.Attempts[0].Redirect != "") != (name == "a redirect") {
			t.Errorf("%s: %s", name, asJSON.out)
		}
	}
}

func body(code int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, text)
	}
}

func TestTheExampleHasAnIDWhereTheSenderHasOne(t *testing.T) {
	t.Parallel()
	settings := schemes.Settings{URL: "https://example.com/hook", Audience: "https://example.com", Header: "X-Token", DangerouslyReplayable: true}
	tried := 0
	for _, name := range schemes.Names() {
		scheme, err := schemes.New(name, settings)
		if err != nil {
			t.Fatal(err)
		}
		pointer, inBody := strings.CutPrefix(core.FactsOf(scheme).IdentifiedBy, "/")
		body := exampleFor(scheme)
		if !inBody {
			if string(body) != exampleBody {
				t.Errorf("%s: %s", name, body)
			}
			continue
		}
		tried++
		if id, ok := schemes.FindJSON(body, strings.Split(pointer, "/")...); !ok || !strings.HasPrefix(string(id), "msg_") || !json.Valid(body) {
			t.Errorf("%s: %s has no id at %s", name, body, pointer)
		}
	}
	if tried < 30 {
		t.Errorf("only %d senders have an id in the body", tried)
	}
	for _, name := range []string{"stripe", "line", "pagerduty", "slack"} {
		args := []string{"--scheme", name, "--secret-file", file(t, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")}
		signed := hookonce(t, "", nil, append([]string{"sign"}, args...)...)
		verified := hookonce(t, signed.out, nil, append([]string{"verify", "--request", "-"}, args...)...)
		if signed.code != 0 || verified.code != 0 || !strings.Contains(verified.out, "msg_") {
			t.Errorf("%s: sign exits with %d %s, verify with %d %s%s", name, signed.code, signed.errs, verified.code, verified.out, verified.errs)
		}
	}
}
