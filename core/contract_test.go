package core_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/stores/memstore"
)

// optional is a scheme with facts.
type optional struct {
	github

	stamping core.Stamping
	invalid  error
}

func (o optional) Stamping() core.Stamping { return o.stamping }
func (o optional) Facts() core.Facts {
	return core.Facts{Mistake: o.invalid, FreeText: true, Past: time.Hour, Handshake: func(r *core.Request) *core.Answer {
		if r.Method != http.MethodGet {
			return nil
		}
		return &core.Answer{Status: http.StatusOK, Body: []byte("here")}
	}}
}

func TestAMessageThatNothingIdentifiesIsHandledEachTimeAndNeverClaimed(t *testing.T) {
	t.Parallel()
	store := memstore.New()
	v := core.Must(core.New(core.Secrets("a phrase of mine"), store, &core.Config{Scheme: optional{stamping: core.NotIdentified}}))
	for range 2 {
		r := &core.Request{Method: http.MethodPost, URL: "/", Header: http.Header{"X-Hub-Signature-256": {"sha256=" + hexMAC("a phrase of mine", "{}")}}}
		d := v.Admit(t.Context(), r, given("{}"))
		m, ok := d.Message()
		if !ok || !m.Replayable {
			t.Fatalf("message %+v, admitted %t: %v", m, ok, d.Err())
		}
		if err := core.Commit(d.Context(), store); !errors.Is(err, core.ErrMisconfigured) {
			t.Errorf("Commit: %v", err)
		}
		if status := d.Settle(http.StatusInternalServerError); status != http.StatusInternalServerError {
			t.Errorf("settled with %d", status)
		}
	}
	if n := store.Stats().Records; n != 0 {
		t.Errorf("%d records in the store", n)
	}
}

func TestAHandshakeIsAnsweredBeforeAllElse(t *testing.T) {
	t.Parallel()
	keys := core.KeySourceFunc(func(context.Context, *core.Request) (string, *core.Keys, error) {
		t.Error("the key source was asked")
		return "", nil, core.ErrUnknownSource
	})
	var events []core.Event
	v := core.Must(core.New(keys, memstore.New(), &core.Config{Scheme: optional{stamping: core.NotIdentified}, Observe: func(_ context.Context, e core.Event) {
		events = append(events, e)
	}}))
	d := v.Admit(t.Context(), &core.Request{Method: http.MethodGet, URL: "/"}, given("unread"))
	if a := d.Answer(); a == nil || a.Status != http.StatusOK || string(a.Body) != "here" || d.Err() != nil {
		t.Errorf("answer %+v, error %v", a, d.Err())
	}
	if len(events) != 1 || events[0].Reason != core.Handled || events[0].BodyBytes != 0 {
		t.Errorf("events %+v", events)
	}
}

func TestASchemeMadeWronglyIsReportedOnce(t *testing.T) {
	t.Parallel()
	_, err := core.New(core.Secrets("", "also wrong "), memstore.New(), &core.Config{
		Scheme: optional{stamping: core.NotIdentified, invalid: errors.New("the URL is missing")},
	})
	if !errors.Is(err, core.ErrMisconfigured) || strings.Count(err.Error(), "the URL is missing") != 1 {
		t.Errorf("error %v", err)
	}
	// What such a scheme would sign is not known.
	_, err = core.New(core.Secrets("x"), memstore.New(), &core.Config{Scheme: optional{stamping: core.NotStamped, invalid: errors.New("the URL is missing")}})
	if err == nil || strings.Contains(err.Error(), "signs no timestamp") {
		t.Errorf("error %v", err)
	}
}

func TestSecretsThatArePhrasesMayHaveSpacesInsideOnly(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{"It's a Secret to Everybody": true, " around": false, "around ": false, "a\tb": false, "a\nb": false, " ": false} {
		_, err := core.New(core.Secrets(text), memstore.New(), &core.Config{Scheme: optional{stamping: core.NotIdentified}})
		if (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// stampedOptional reads the timestamp from a header, only for the tolerance
// check.
type stampedOptional struct{ optional }

func (stampedOptional) Stamping() core.Stamping { return core.StampedEachAttempt }
func (s stampedOptional) ReadHeader(r *core.Request, a *core.Attempt) error {
	at, err := time.Parse(time.RFC3339, lines(r.Header).Get("X-At"))
	if err != nil {
		return core.ErrMalformed
	}
	a.Timestamp = at
	return s.github.ReadHeader(r, a)
}

func TestTheWindowOfASchemeIsTheDefault(t *testing.T) {
	t.Parallel()
	now := time.Date(2025, 10, 9, 8, 7, 6, 0, time.UTC)
	tests := []struct {
		name string
		cfg  core.Config
		at   time.Time
		ok   bool
	}{
		{"the scheme's hour back", core.Config{}, now.Add(-59 * time.Minute), true},
		{"further back", core.Config{}, now.Add(-61 * time.Minute), false},
		{"the usual five minutes ahead, of which the scheme says nothing", core.Config{}, now.Add(4 * time.Minute), true},
		{"further ahead", core.Config{}, now.Add(6 * time.Minute), false},
		{"what the configuration says", core.Config{Past: time.Minute}, now.Add(-2 * time.Minute), false},
	}
	for _, tt := range tests {
		cfg := tt.cfg
		cfg.Scheme, cfg.Clock = stampedOptional{}, func() time.Time { return now }
		v := core.Must(core.New(core.Secrets("secret-of-mine"), memstore.New(), &cfg))
		r := &core.Request{Method: http.MethodPost, URL: "/", Body: []byte("{}"), Header: http.Header{
			"X-At": {tt.at.Format(time.RFC3339)}, "X-Hub-Signature-256": {"sha256=" + hexMAC("secret-of-mine", "{}")},
		}}
		if _, err := v.Verify(t.Context(), r); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// late is a store whose first swap hangs in its commit. Its caller gives up, a
// read does not see it, and the next write waits for it.
type late struct {
	*memstore.Store

	mu      sync.Mutex
	calls   int
	pending func()
}

func (s *late) Swap(ctx context.Context, key core.Key, old, next core.Value, ttl time.Duration) (core.Value, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	switch {
	case s.calls == 1:
		s.pending = func() { _, _ = s.Store.Swap(context.WithoutCancel(ctx), key, old, next, ttl) }
		return core.Value{}, context.DeadlineExceeded
	case s.pending != nil && old == (core.Value{}):
		s.pending()
		s.pending = nil
	}
	return s.Store.Swap(ctx, key, old, next, ttl)
}

func TestAClaimThatBecomesDurableAfterItWasGivenUpIsUndone(t *testing.T) {
	t.Parallel()
	now := time.Now()
	v := core.Must(core.New(core.Secrets("secret-of-mine"), &late{Store: memstore.New()}, &core.Config{Scheme: stampedOptional{}, Clock: func() time.Time { return now }}))
	attempt := func(at time.Time) *core.Delivery {
		r := &core.Request{Method: http.MethodPost, URL: "/", Header: http.Header{
			"X-At": {at.Format(time.RFC3339)}, "X-Hub-Signature-256": {"sha256=" + hexMAC("secret-of-mine", "{}")},
		}}
		return v.Admit(t.Context(), r, given("{}"))
	}
	if err := attempt(now).Err(); !errors.Is(err, core.ErrStoreUnavailable) {
		t.Fatalf("the first attempt: %v", err)
	}
	if d := attempt(now.Add(time.Second)); d.Answer() != nil {
		t.Errorf("the sender's next attempt: %v", d.Err())
	}
}

// renaming has an id in a header, and another one in the body.
type renaming struct{ github }

func (s renaming) ReadHeader(r *core.Request, a *core.Attempt) error {
	err := s.github.ReadHeader(r, a)
	a.ID = "delivery-1"
	return err
}

func (s renaming) ReadBody(r *core.Request, a *core.Attempt) error {
	a.ID = string(r.Body)
	return s.github.ReadBody(r, a)
}

func TestAnIDThatTheBodyReplacesIsCheckedAsWell(t *testing.T) {
	t.Parallel()
	v := core.Must(core.New(core.Secrets("a-phrase-of-mine"), memstore.New(), &core.Config{Scheme: renaming{}, DangerouslyReplayableAfterRestart: true}))
	for body, fits := range map[string]bool{"evt_1": true, "evt 1": false, strings.Repeat("e", 257): false} {
		r := &core.Request{Header: http.Header{"X-Hub-Signature-256": {"sha256=" + hexMAC("a-phrase-of-mine", body)}}, Body: []byte(body)}
		m, err := v.Verify(t.Context(), r)
		if fits && (err != nil || m.ID != body) || !fits && !errors.Is(err, core.ErrMalformed) {
			t.Errorf("id of %d bytes: %+v, %v", len(body), m, err)
		}
	}
}
