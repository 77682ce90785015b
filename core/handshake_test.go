package core_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/stores/memstore"
)

// asking is a scheme whose handshake has the body "hello" and expects the name
// of the key in use.
type asking struct {
	github

	silent  bool
	awaited *int
	asked   *int
}

type namedKey struct {
	core.VerifyKey

	name string
}

func (s asking) ParseKey(text string) (core.VerifyKey, error) {
	key, err := s.github.ParseKey(text)
	return namedKey{key, text}, err
}

func (s asking) Facts() core.Facts {
	return core.Facts{AwaitsHandshake: s.awaits, AnswerHandshake: s.answer}
}

func (s asking) awaits(*core.Request) bool {
	*s.awaited++
	return !s.silent
}

func (s asking) answer(r *core.Request, key core.VerifyKey) *core.Answer {
	*s.asked++
	if string(r.Body) != "hello" && len(r.Body) < 1000 {
		return nil
	}
	k, _ := key.(namedKey)
	return &core.Answer{Status: http.StatusOK, Body: []byte(k.name)}
}

// body is the body of a request, and records how it was read.
type body struct {
	text  string
	err   error
	limit int64
	reads int
}

func (b *body) ReadBody(limit int64, _ time.Duration) ([]byte, error) {
	b.limit = limit
	b.reads++
	return []byte(b.text), b.err
}

func TestAHandshakeThatOnlyTheBodyShows(t *testing.T) {
	t.Parallel()
	now := time.Now()
	old := core.NewSecret("key-of-yesterday")
	old.NotAfter = now.Add(-time.Hour)
	from := func(source string, secrets ...core.Secret) core.KeySource {
		keys := core.SecretList(secrets...)
		return core.KeySourceFunc(func(context.Context, *core.Request) (string, *core.Keys, error) { return source, keys, nil })
	}
	fails := func(err error) core.KeySource {
		return core.KeySourceFunc(func(context.Context, *core.Request) (string, *core.Keys, error) { return "", nil, err })
	}
	acme := from("acme", old, core.NewSecret("key-of-today"), core.NewSecret("key-of-before"))
	unsigned, signed := http.Header{}, http.Header{"X-Hub-Signature-256": {"sha256=" + strings.Repeat("0", 64)}}
	for _, tt := range []struct {
		name           string
		silent         bool
		keys           core.KeySource
		header         http.Header
		body           body
		cfg            core.Config
		want           string // the answer
		reason         core.Reason
		awaited, asked int
		reads          int
		source         string
	}{
		{
			name: "it is answered under the first key that is valid", keys: acme, header: unsigned, body: body{text: "hello"},
			want: "key-of-today", reason: core.Handled, awaited: 1, asked: 1, reads: 1, source: "acme",
		},
		{
			name: "a scheme that awaits none reads nothing and looks nothing up", silent: true, keys: fails(errors.New("asked")), header: unsigned, body: body{text: "hello"},
			reason: core.ErrMissingHeader, awaited: 1,
		},
		{
			name: "a request with a signature is a message", keys: acme, header: signed, body: body{text: "hello"},
			reason: core.ErrNoMatch, reads: 1, source: "acme",
		},
		{
			name: "a request with a malformed header is a message", keys: acme, header: http.Header{"X-Hub-Signature-256": {"00"}}, body: body{text: "hello"},
			reason: core.ErrMalformed,
		},
		{
			name: "something else is refused for its missing header", keys: acme, header: unsigned, body: body{text: "{}"},
			reason: core.ErrMissingHeader, awaited: 1, asked: 1, reads: 1, source: "acme",
		},
		{
			name: "a body that is too large is not looked at", keys: acme, header: unsigned, body: body{text: "hello", err: core.ErrBodyTooLarge},
			reason: core.ErrMissingHeader, awaited: 1, reads: 1, source: "acme",
		},
		{
			name: "nor one that a reader gave beyond the limit", keys: acme, header: unsigned, body: body{text: strings.Repeat("a", 16<<10+1)},
			reason: core.ErrMissingHeader, awaited: 1, reads: 1, source: "acme",
		},
		{
			name: "nor one that exceeds MaxBody", keys: acme, header: unsigned, body: body{text: "hello"}, cfg: core.Config{MaxBody: 4},
			reason: core.ErrMissingHeader, awaited: 1, reads: 1, source: "acme",
		},
		{
			name: "an unknown source reads the body and is refused the same", keys: fails(core.ErrUnknownSource), header: unsigned, body: body{text: "hello"},
			reason: core.ErrMissingHeader, awaited: 1, reads: 1,
		},
		{
			name: "without a valid key it is refused", keys: from("acme", old), header: unsigned, body: body{text: "hello"},
			reason: core.ErrMissingHeader, awaited: 1, reads: 1, source: "acme",
		},
		{
			name: "an outage of the key source is said", keys: fails(errors.New("gone")), header: unsigned, body: body{text: "hello"},
			reason: core.ErrKeysUnavailable, awaited: 1,
		},
		{
			name: "in report-only mode the handler answers", keys: acme, header: unsigned, body: body{text: "hello"}, cfg: core.Config{DangerouslyReportOnly: true},
			reason: core.Handled, awaited: 1, asked: 1, reads: 1, source: "acme",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var awaited, asked int
			var events []core.Event
			var shown []core.Refused
			store := memstore.New()
			cfg := tt.cfg
			cfg.Scheme, cfg.DangerouslyReplayableAfterRestart = asking{silent: tt.silent, awaited: &awaited, asked: &asked}, true
			cfg.Observe = func(_ context.Context, e core.Event) { events = append(events, e) }
			cfg.DangerouslyShowRefused = func(_ context.Context, r core.Refused) { shown = append(shown, r) }
			v := core.Must(core.New(tt.keys, store, &cfg))
			d := v.Admit(t.Context(), &core.Request{Method: http.MethodPost, URL: "/hook", Header: tt.header}, &tt.body)
			answer := d.Answer()
			if tt.want != "" && (answer == nil || string(answer.Body) != tt.want) {
				t.Errorf("answer %+v, error %v", answer, d.Err())
			}
			if (d.Err() == nil) != (tt.reason == core.Handled) || d.Err() != nil && d.Err().Reason != tt.reason {
				t.Errorf("error %v, want %q", d.Err(), tt.reason)
			}
			if awaited != tt.awaited || asked != tt.asked {
				t.Errorf("the scheme was asked %d times whether and %d times what, want %d and %d", awaited, asked, tt.awaited, tt.asked)
			}
			reads := tt.reads
			if tt.reason != core.Handled {
				reads = 1 // the hook needs the body, which can be read only once
				if len(shown) != 1 || string(shown[0].Request.Body) != tt.body.text {
					t.Errorf("shown %+v", shown)
				}
			}
			if tt.body.reads != reads || tt.awaited > 0 && tt.reads > 0 && tt.body.limit > 16<<10 {
				t.Errorf("the body was read %d times, up to %d bytes", tt.body.reads, tt.body.limit)
			}
			if len(events) != 1 {
				t.Fatalf("events %+v", events)
			}
			e, handshake, status := events[0], tt.reason == core.Handled, 0
			if answer != nil {
				status = answer.Status
			}
			if e.Reason != tt.reason || e.Handshake != handshake || e.Status != status || e.Source != tt.source || e.KeyID != "" {
				t.Errorf("event %+v", e)
			}
			if n := store.Stats().Records; n != 0 {
				t.Errorf("%d records in the store", n)
			}
			if _, ok := d.Message(); ok {
				t.Error("there is a message")
			}
			d.Settle(http.StatusOK)
			if len(events) != 1 || store.Stats().Records != 0 {
				t.Error("settling did something")
			}
		})
	}
}

func TestAHandshakeIsLoggedAtInfo(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	observe := core.SlogObserver(slog.New(slog.NewTextHandler(&b, nil)))
	observe(t.Context(), core.Event{Reason: core.Handled, Status: 200})
	if b.Len() != 0 {
		t.Errorf("a handled message is logged at info: %s", &b)
	}
	observe(t.Context(), core.Event{Reason: core.Handled, Handshake: true, Status: 200})
	if !strings.Contains(b.String(), "level=INFO") || !strings.Contains(b.String(), "handshake=true") {
		t.Errorf("logged %q", &b)
	}
	b.Reset()
	observe(t.Context(), core.Event{Reason: core.Handled, Handshake: true, Status: 403})
	if !strings.Contains(b.String(), "level=WARN") || !strings.Contains(b.String(), `msg="webhook handshake"`) {
		t.Errorf("one that was refused is logged %q", &b)
	}
}
