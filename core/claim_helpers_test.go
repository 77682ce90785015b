package core //nolint:testpackage // shared by tests that need internals

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// mapStore is the simplest SeenStore, with hooks to break it.
type mapStore struct {
	mu      sync.Mutex
	live    map[Key]mapEntry
	forgets bool
	since   time.Time
	swaps   int
	calls   atomic.Int64 // of Swap, with any context

	// before runs before each swap; an error prevents the swap. after runs
	// after it; an error is a lost reply. Both run without the lock.
	before func(ctx context.Context, next Value) error
	after  func(ctx context.Context, next Value, happened bool) error
}

type mapEntry struct {
	value Value
	until time.Time
}

func newMapStore() *mapStore { return &mapStore{live: make(map[Key]mapEntry)} }

func (s *mapStore) Forgets() bool         { return s.forgets }
func (s *mapStore) KnownSince() time.Time { return s.since }

func (s *mapStore) Swap(ctx context.Context, key Key, old, next Value, ttl time.Duration) (Value, error) {
	s.calls.Add(1)
	if err := ctx.Err(); err != nil {
		return Value{}, err
	}
	s.mu.Lock()
	before, after := s.before, s.after
	s.mu.Unlock()
	if before != nil {
		if err := before(ctx, next); err != nil {
			return Value{}, err
		}
	}
	got := s.swap(key, old, next, ttl)
	if after != nil {
		if err := after(ctx, next, got == next); err != nil {
			return Value{}, err
		}
	}
	return got, nil
}

func (s *mapStore) swap(key Key, old, next Value, ttl time.Duration) Value {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.swaps++
	now := time.Now()
	e, ok := s.live[key]
	if ok && !now.Before(e.until) {
		delete(s.live, key)
		e = mapEntry{}
	}
	if e.value == next {
		return next
	}
	if e.value != old {
		return e.value
	}
	s.live[key] = mapEntry{next, now.Add(ttl)}
	return next
}

// breakBefore sets before while the store is in use.
func (s *mapStore) breakBefore(f func(ctx context.Context, next Value) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = f
}

// breakAfter sets after while the store is in use.
func (s *mapStore) breakAfter(f func(ctx context.Context, next Value, happened bool) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.after = f
}

// value returns the live record.
func (s *mapStore) value(key Key) Value {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live[key].value
}

// only returns the only live record and its remaining life. It ignores renewals of the record's
// lease.
func (s *mapStore) only(t *testing.T) (record, time.Duration) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []mapEntry
	for key, e := range s.live {
		if rec, err := decode(e.value); err == nil && rec.state == Claimed && rec.mark == 0 && s.live[leaseKey(key)].value != (Value{}) {
			continue
		}
		if time.Now().Before(e.until) {
			found = append(found, e)
		}
	}
	if len(found) != 1 {
		t.Fatalf("the store holds %d live records, want 1", len(found))
	}
	rec, err := decode(found[0].value)
	if err != nil {
		t.Fatal(err)
	}
	return rec, time.Until(found[0].until)
}

func (s *mapStore) empty() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.live) == 0
}

func (s *mapStore) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.live)
}

var errStoreDown = errors.New("connection refused")

const claimSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// bench is a verifier with its store, sender and observer. It runs in a synctest bubble, so its
// clock is virtual.
type bench struct {
	t      testing.TB
	store  *mapStore
	v      *Verifier
	signer *Signer
	events []Event
}

func newBench(t testing.TB, cfg Config, store *mapStore) *bench {
	t.Helper()
	b := &bench{t: t, store: store}
	cfg.Observe = func(_ context.Context, e Event) { b.events = append(b.events, e) }
	var err error
	if b.v, err = New(Secrets(claimSecret), store, &cfg); err != nil {
		t.Fatal(err)
	}
	if b.signer, err = NewSigner(claimSecret); err != nil {
		t.Fatal(err)
	}
	return b
}

// testBody is a BodyReader of bytes in memory.
type testBody []byte

func (b testBody) ReadBody(int64, time.Duration) ([]byte, error) { return b, nil }

func (b *bench) request(id string, at time.Time) *Request {
	b.t.Helper()
	r := &Request{Method: http.MethodPost, URL: "/hook", Header: http.Header{}}
	if err := b.signer.Sign(lines(r.Header), id, at, []byte(`{}`)); err != nil {
		b.t.Fatal(err)
	}
	return r
}

// admit presents the attempt of message "m" with the timestamp at.
func (b *bench) admit(at time.Time) *Delivery {
	b.t.Helper()
	return b.v.Admit(context.Background(), b.request("m", at), testBody(`{}`))
}

// handle presents an attempt to a handler that responds with status. It returns
// the status that the sender sees.
func (b *bench) handle(at time.Time, status int) int {
	b.t.Helper()
	d := b.admit(at)
	if a := d.Answer(); a != nil {
		return a.Status
	}
	return d.Settle(status)
}

// wantLast checks the last event.
func (b *bench) wantLast(reason Reason) Event {
	b.t.Helper()
	if len(b.events) == 0 {
		b.t.Fatalf("nothing was observed, want %q", reason)
	}
	e := b.events[len(b.events)-1]
	if e.Reason != reason {
		b.t.Fatalf("observed %q (%v), want %q", e.Reason, e.Err, reason)
	}
	return e
}

func (b *bench) wantStatus(got, want int, what string) {
	b.t.Helper()
	if got != want {
		b.t.Fatalf("%s: answered %d, want %d", what, got, want)
	}
}

// lines returns the header of a request that a test made.
func lines(h Header) http.Header {
	m, _ := h.(http.Header)
	return m
}
