package core //nolint:testpackage // shares the bench of the claim tests

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestSettle(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		took   time.Duration // by the handler
		status int
		want   int
		reason Reason
		state  State
	}{
		{"2xx commits", 0, 204, 204, Handled, Done},
		{"299 is still a success", 0, 299, 299, Handled, Done},
		{"a redirect releases", 0, 302, 302, ErrHandlerFailed, Released},
		{"4xx releases", 0, 404, 404, ErrHandlerFailed, Released},
		{"5xx releases", 0, 500, 500, ErrHandlerFailed, Released},
		{"an informational status releases", 0, 101, 101, ErrHandlerFailed, Released},
		{"a panic or hijack releases", 0, Failed, Failed, ErrHandlerFailed, Released},
		{"nothing written in time is 200", 54 * time.Second, 0, 200, Handled, Done},
		{"nothing written when the context has ended is a failure", 55 * time.Second, 0, 503, ErrHandlerFailed, Released},
		{"what was written counts, even late", 58 * time.Second, 200, 200, Handled, Done},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, Config{}, newMapStore())
				d := b.admit(time.Now())
				time.Sleep(tt.took)
				b.wantStatus(d.Settle(tt.status), tt.want, "Settle")
				e := b.wantLast(tt.reason)
				if e.Status != max(tt.want, 0) || e.Handler != tt.took || (e.Err == nil) != (tt.reason == Handled) {
					t.Errorf("observed %+v", e)
				}
				if rec, _ := b.store.only(t); rec.state != tt.state || tt.state == Done && int(rec.status) != tt.want {
					t.Errorf("on record: %+v", rec)
				}
				swaps, events := b.store.swaps, len(b.events)
				b.wantStatus(d.Settle(500), tt.want, "a second Settle")
				if b.store.swaps != swaps || len(b.events) != events {
					t.Error("a second Settle did something")
				}
			})
		})
	}
}

func TestDurationsAreRealTimeWhateverTheConfiguredClockShows(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]time.Duration{"a fixed clock": 0, "a clock that is set back": -time.Minute, "a clock that is set forward": 30 * time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				var shown atomic.Int64 // since start
				b := newBench(t, Config{Clock: func() time.Time { return start.Add(time.Duration(shown.Load())) }}, newMapStore())
				b.store.breakBefore(func(context.Context, Value) error { time.Sleep(time.Second); return nil })
				d := b.admit(start)
				shown.Store(int64(after))
				time.Sleep(2 * time.Second)
				d.Settle(200)
				if e := b.wantLast(Handled); e.Handler != 2*time.Second || e.Claim != time.Second || e.Store != 2*time.Second {
					t.Errorf("handler %v, claim %v, store %v", e.Handler, e.Claim, e.Store)
				}
			})
		})
	}
}

// TestAnOutcomeIsOfWhenItIsWritten: attempts refused as in flight while the
// handler ran may have timestamps up to then, and must stay covered.
func TestAnOutcomeIsOfWhenItIsWritten(t *testing.T) {
	t.Parallel()
	for name, commit := range map[string]func(b *bench, d *Delivery){
		"settled": func(_ *bench, d *Delivery) { d.Settle(200) },
		"committed in a transaction": func(b *bench, d *Delivery) {
			if err := Commit(d.Context(), b.store); err != nil {
				b.t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, Config{}, newMapStore())
				arrived := time.Now()
				d := b.admit(arrived)
				time.Sleep(40 * time.Second)
				commit(b, d)
				// Five minutes each way, and twice the allowance for clocks, whole seconds and the
				// call to the store: 10 + 1 + 2 s.
				want := arrived.Add(40*time.Second + 10*time.Minute + 26*time.Second)
				if rec, life := b.store.only(t); rec.state != Done || rec.windowEnd != want.UnixMilli() || life != 25*time.Hour {
					t.Errorf("%s to the end of the window at %v, want %v; kept for %v", rec.state, time.UnixMilli(rec.windowEnd), want, life)
				}
			})
		})
	}
}

func TestSettleSurvivesTheRequest(t *testing.T) {
	t.Parallel()
	for name, outer := range map[string]func() (context.Context, context.CancelFunc){
		"cancelled": func() (context.Context, context.CancelFunc) { return context.WithCancel(context.Background()) },
		"with its time used up": func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(context.Background(), time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, Config{}, newMapStore())
				ctx, cancel := outer()
				defer cancel()
				d := b.v.Admit(ctx, b.request("m", time.Now()), testBody(`{}`))
				time.Sleep(2 * time.Second)
				cancel()
				d.Settle(200)
				b.wantLast(Handled)
			})
		})
	}
	t.Run("and so does a claim", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, Config{}, newMapStore())
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			if d := b.v.Admit(ctx, b.request("m", time.Now()), testBody(`{}`)); d.Answer() != nil || d.Context().Err() != nil {
				t.Error("the sender's disconnect undid the admission:", d.Err(), d.Context().Err())
			}
		})
	})
}

// bodyFunc is a BodyReader.
type bodyFunc func(limit int64, timeout time.Duration) ([]byte, error)

func (f bodyFunc) ReadBody(limit int64, timeout time.Duration) ([]byte, error) {
	return f(limit, timeout)
}

func TestARefusalTouchesNeitherStoreNorHandler(t *testing.T) {
	t.Parallel()
	good := bodyFunc(func(int64, time.Duration) ([]byte, error) { return []byte(`{}`), nil })
	failing := func(err error) bodyFunc {
		return func(int64, time.Duration) ([]byte, error) { return nil, fmt.Errorf("reading: %w", err) }
	}
	unread := bodyFunc(func(int64, time.Duration) ([]byte, error) { panic("the body was read") })
	tests := []struct {
		name   string
		spoil  func(*Request)
		body   BodyReader
		reason Reason
		status int
	}{
		{"a missing header, before the body", func(r *Request) { lines(r.Header).Del("Webhook-Id") }, unread, ErrMissingHeader, 400},
		{"a malformed one, before the body", func(r *Request) { lines(r.Header).Set("Webhook-Timestamp", "+1") }, unread, ErrMalformed, 400},
		{"too old, before the body", func(r *Request) { lines(r.Header).Set("Webhook-Timestamp", "946684000") }, unread, ErrOutsideWindow, 401},
		{"a changed body", func(*Request) {}, testBody(`{ }`), ErrNoMatch, 401},
		{"a changed id", func(r *Request) { lines(r.Header).Set("Webhook-Id", "n") }, good, ErrNoMatch, 401},
		{"too large", func(*Request) {}, failing(ErrBodyTooLarge), ErrBodyTooLarge, 413},
		{"too large, though the adapter let it pass", func(*Request) {}, testBody(strings.Repeat("x", 101)), ErrBodyTooLarge, 413},
		{"too slow", func(*Request) {}, failing(ErrBodyTooSlow), ErrBodyTooSlow, 408},
		{"consumed before", func(*Request) {}, failing(ErrBodyConsumed), ErrBodyConsumed, 500},
		{"broken off", func(*Request) {}, failing(errors.New("unexpected EOF")), ErrMalformed, 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, Config{MaxBody: 100}, newMapStore())
				r := b.request("m", time.Now())
				tt.spoil(r)
				d := b.v.Admit(t.Context(), r, tt.body)
				if a := d.Answer(); a == nil || a.Status != tt.status || !errors.Is(d.Err(), tt.reason) {
					t.Errorf("answered %+v for %v", a, d.Err())
				}
				if e := b.wantLast(tt.reason); e.Status != tt.status || e.Method != http.MethodPost || e.Path != "/hook" {
					t.Errorf("observed %+v", e)
				}
				if _, ok := d.Message(); ok {
					t.Error("there is a message")
				}
				if b.wantStatus(d.Settle(200), 200, "Settle of a refusal does nothing"); b.store.swaps != 0 || len(b.events) != 1 {
					t.Errorf("%d swaps, %d events", b.store.swaps, len(b.events))
				}
			})
		})
	}
}

func TestTheBodyReaderIsGivenTheLimits(t *testing.T) {
	t.Parallel()
	for _, reportOnly := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, Config{MaxBody: 77, BodyTimeout: 3 * time.Second, DangerouslyReportOnly: reportOnly}, newMapStore())
			calls := 0
			b.v.Admit(t.Context(), b.request("m", time.Now()), bodyFunc(func(limit int64, timeout time.Duration) ([]byte, error) {
				calls++
				want := 3 * time.Second
				if reportOnly {
					want = 0
				}
				if limit != 77 || timeout != want {
					t.Errorf("limit %d, timeout %v", limit, timeout)
				}
				return []byte(`{}`), nil
			}))
			if calls != 1 {
				t.Errorf("read %d times", calls)
			}
		})
	}
}

func TestEvery503SaysWhenToComeBack(t *testing.T) {
	t.Parallel()
	for _, r := range []Reason{ErrInFlight, ErrKeysUnavailable, ErrStoreUnavailable, ErrStoreFull, ErrColdStart} {
		if a := (&Error{Reason: r}).Answer(); a.Status != 503 || a.Header.Get("Retry-After") != "5" {
			t.Errorf("%s: %+v", r, a)
		}
	}
}

func TestReportOnlyRefusesNothingAndClaimsWhatIsGenuine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{DangerouslyReportOnly: true}, newMapStore())
		// Each attempt reaches the handler; with want "" it is admitted.
		attempt := func(r *Request, want Reason) {
			t.Helper()
			events, swaps := len(b.events), b.store.swaps
			d := b.v.Admit(t.Context(), r, testBody(`{}`))
			if d.Answer() != nil {
				t.Fatal("refused:", d.Err())
			}
			_, inContext := FromContext(d.Context())
			_, ok := d.Message()
			if admitted := want == ""; ok != admitted || inContext != admitted || (d.Err() == nil) != admitted {
				t.Errorf("%s: message %v, in the context %v, error %v", want, ok, inContext, d.Err())
			}
			b.wantStatus(d.Settle(0), 200, "Settle")
			if want == "" {
				want = Handled
			} else if want == ErrNoMatch && b.store.swaps != swaps {
				t.Error("a refused attempt was claimed")
			}
			if e := b.wantLast(want); !e.ReportOnly || len(b.events) != events+1 {
				t.Errorf("observed %+v, %d events", e, len(b.events)-events)
			}
		}
		at := time.Now()
		attempt(b.request("m", at), "")
		for range 3 {
			attempt(b.request("m", at), ErrReplay)
		}
		attempt(b.request("m", at.Add(time.Second)), ErrRedelivery)
		attempt(b.request("m", at.Add(-time.Hour)), ErrOutsideWindow)
		forged := b.request("other", at)
		lines(forged.Header).Set("Webhook-Id", "forged")
		attempt(forged, ErrNoMatch)
		if rec, _ := b.store.only(t); rec.state != Done {
			t.Errorf("on record: %+v", rec)
		}
	})
}

// panicking is a scheme that panics at a chosen step.
type panicking struct {
	StandardWebhooks

	header, body, challenge bool
}

func (p panicking) ReadHeader(r *Request, a *Attempt) error {
	if p.header {
		panic("scheme")
	}
	return p.StandardWebhooks.ReadHeader(r, a)
}

func (p panicking) ReadBody(r *Request, a *Attempt) error {
	if p.body {
		panic("scheme")
	}
	return p.StandardWebhooks.ReadBody(r, a)
}

func (p panicking) Facts() Facts {
	return Facts{Challenge: func(context.Context, *Request, *Message, VerifyKey) *Answer {
		if p.challenge {
			panic("scheme")
		}
		return nil
	}}
}

func TestAPanicInSomebodysPartGoesOnAndLeavesNoClaim(t *testing.T) {
	t.Parallel()
	boom := KeySourceFunc(func(context.Context, *Request) (string, *Keys, error) { panic("keys") })
	down := newMapStore()
	down.before = func(context.Context, Value) error { panic("store") }
	for name, tt := range map[string]struct {
		keys   KeySource
		store  *mapStore
		scheme Scheme
		body   BodyReader
	}{
		"in the key source":    {boom, newMapStore(), panicking{}, testBody(`{}`)},
		"in the scheme's head": {Secrets(claimSecret), newMapStore(), panicking{header: true}, testBody(`{}`)},
		"in the scheme's body": {Secrets(claimSecret), newMapStore(), panicking{body: true}, testBody(`{}`)},
		"in a challenge":       {Secrets(claimSecret), newMapStore(), panicking{challenge: true}, testBody(`{}`)},
		"in the body": {
			Secrets(claimSecret), newMapStore(),
			panicking{},
			bodyFunc(func(int64, time.Duration) ([]byte, error) { panic("body") }),
		},
		"in the store": {Secrets(claimSecret), down, panicking{}, testBody(`{}`)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := Must(New(tt.keys, tt.store, &Config{Scheme: tt.scheme}))
			b := &bench{t: t}
			b.signer, _ = NewSigner(claimSecret)
			defer func() {
				if recover() == nil {
					t.Error("the panic was swallowed")
				}
				if !tt.store.empty() {
					t.Error("a claim was left behind")
				}
			}()
			v.Admit(t.Context(), b.request("m", time.Now()), tt.body)
		})
	}
}

func TestAnEventTellsTheWholeStory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{}, newMapStore())
		visits := 0
		b.store.before = func(context.Context, Value) error {
			visits++
			time.Sleep(time.Duration(visits) * 3 * time.Millisecond)
			return nil
		}
		at := time.Now()
		d := b.v.Admit(t.Context(), b.request("m", at), bodyFunc(func(int64, time.Duration) ([]byte, error) {
			time.Sleep(2 * time.Millisecond)
			return []byte(`{}`), nil
		}))
		time.Sleep(5 * time.Millisecond)
		gen := d.message.Generation
		d.Settle(201)
		want := Event{
			Reason: Handled, Outcome: Handled, Verified: true, Method: http.MethodPost, Path: "/hook", Scheme: "standard", KeyID: "key-1", MessageID: "m", Timestamp: at, Generation: gen,
			Status: 201, BodyBytes: 2, Body: 2 * time.Millisecond, Store: 9 * time.Millisecond, Claim: 3 * time.Millisecond, Handler: 5 * time.Millisecond,
		}
		got := b.wantLast(Handled)
		if !got.Timestamp.Equal(at) {
			t.Errorf("timestamp %v, want %v", got.Timestamp, at)
		}
		got.Timestamp = want.Timestamp
		if got != want || len(b.events) != 1 {
			t.Errorf("%d events, the last\n%+v, want\n%+v", len(b.events), got, want)
		}
	})
}

func TestAnEventTellsWhatIsClaimedFromWhatIsVerifiedAndFromTheOutcome(t *testing.T) {
	t.Parallel()
	at := time.Now()
	for name, c := range map[string]struct {
		forged   bool
		answered int // by the handler
		again    time.Duration
		want     Event
	}{
		"handled":         {answered: 200, want: Event{Reason: Handled, Verified: true, Outcome: Handled}},
		"handler failed":  {answered: 500, want: Event{Reason: ErrHandlerFailed, Verified: true, Outcome: ErrHandlerFailed}},
		"forged":          {forged: true, want: Event{Reason: ErrNoMatch}},
		"redelivery":      {answered: 200, again: time.Second, want: Event{Reason: ErrRedelivery, Verified: true}},
		"replay, expired": {answered: 200, again: -time.Hour, want: Event{Reason: ErrOutsideWindow}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, Config{}, newMapStore())
			r := b.request("m", at)
			if c.forged {
				lines(r.Header).Set("Webhook-Id", "other")
			}
			b.v.Admit(t.Context(), r, testBody(`{}`)).Settle(c.answered)
			if c.again != 0 {
				b.v.Admit(t.Context(), b.request("m", at.Add(c.again)), testBody(`{}`))
			}
			e := b.wantLast(c.want.Reason)
			if e.Verified != c.want.Verified || e.Outcome != c.want.Outcome || e.MessageID == "" {
				t.Errorf("%+v", e)
			}
		})
	}
}
