package core //nolint:testpackage // decides over records directly

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func testProtocol(eachAttempt bool) protocol {
	return protocol{
		past: 300_000, future: 300_000, skew: 5_000, lease: 9_000, hold: 60_000, remember: 25 * 3_600_000, reruns: 3, eachAttempt: eachAttempt,
	}
}

// TestEveryCellOfTheTable tests every combination of record state, attempt and kind of stamping. If
// there is no record to write, next must equal the old record.
func TestEveryCellOfTheTable(t *testing.T) {
	t.Parallel()
	const now, mark = int64(1_800_000_000_000), int64(1_799_999_990_000)
	base := record{generation: 7, mark: mark, windowEnd: mark + 311_000, token: [8]byte{1}}
	states := map[string]record{"none": {}}
	with := func(name string, f func(*record)) {
		r := base
		f(&r)
		states[name] = r
	}
	with("leased", func(r *record) { r.state, r.leaseEnd = Claimed, now+1 })
	with("lease just over, within skew", func(r *record) { r.state, r.leaseEnd = Claimed, now-9_999 })
	with("lease over", func(r *record) { r.state, r.leaseEnd = Claimed, now-10_000 })
	with("released", func(r *record) { r.state, r.reruns = Released, 2 })
	with("released, reruns used up", func(r *record) { r.state, r.reruns = Released, 3 })
	with("done", func(r *record) { r.state, r.status = Done, 202 })

	type verdicts struct{ newer, same, older verdict }
	stamped := map[string]verdicts{
		"none":                         {run, run, run},
		"leased":                       {inFlight, inFlight, inFlight},
		"lease just over, within skew": {inFlight, inFlight, inFlight},
		"lease over":                   {run, inFlight, inFlight},
		"released":                     {run, run, run},
		"released, reruns used up":     {run, inFlight, inFlight},
		"done":                         {redelivery, replaySame, replayOlder},
	}
	// A retry and a replay are the same bytes, so the timestamp decides nothing.
	once := map[string]verdicts{
		"none":                         {run, run, run},
		"leased":                       {inFlight, inFlight, inFlight},
		"lease just over, within skew": {inFlight, inFlight, inFlight},
		"lease over":                   {run, run, run},
		"released":                     {run, run, run},
		"released, reruns used up":     {run, run, run},
		"done":                         {redelivery, redelivery, redelivery},
	}
	token := [8]byte{9}
	check := func(t *testing.T, p protocol, state string, old record, stamp int64, want verdict) {
		t.Helper()
		var next record
		got := p.decide(&old, &next, new(identity), stamp, now, token)
		if got != want {
			t.Fatalf("verdict %d, want %d", got, want)
		}
		if next.mark < old.mark || next.windowEnd < old.windowEnd || next.generation < old.generation {
			t.Errorf("something fell: %+v → %+v", old, next)
		}
		switch got {
		case run:
			if next.state != Claimed || next.token != token || next.leaseEnd != now+p.lease || next.status != 0 ||
				next.generation != max(old.generation+1, uint32(now/1000)) || next.mark != max(old.mark, stamp) {
				t.Errorf("the claim is %+v", next)
			}
			reran := p.eachAttempt && old.state == Released && stamp <= old.mark
			if (next.reruns == old.reruns+1) != reran {
				t.Errorf("reruns %d → %d", old.reruns, next.reruns)
			}
		case redelivery:
			if next.state != Done || next.mark != max(old.mark, stamp) || next.status != 202 || next.generation != old.generation {
				t.Errorf("the touched record is %+v", next)
			}
		default:
			if next != old {
				t.Errorf("%s: %+v was changed to %+v", state, old, next)
			}
		}
	}
	for state, old := range states {
		for kind, table := range map[string]map[string]verdicts{"stamped each attempt": stamped, "stamped once": once} {
			t.Run(kind+", "+state, func(t *testing.T) {
				t.Parallel()
				p, want := testProtocol(kind == "stamped each attempt"), table[state]
				check(t, p, state, old, mark+1000, want.newer)
				check(t, p, state, old, mark, want.same)
				check(t, p, state, old, mark-1000, want.older)
			})
		}
		t.Run("untimed, "+state, func(t *testing.T) {
			t.Parallel()
			unstamped := old
			unstamped.mark = 0
			check(t, testProtocol(false), state, unstamped, 0, once[state].same)
		})
	}
}

func TestTheLifeOfARecord(t *testing.T) {
	t.Parallel()
	const now = int64(1_800_000_000_000)
	p := testProtocol(true)
	p.remember = 1
	const margin = 2*5_000 + 1_000
	tests := []struct {
		name string
		rec  record
		want int64
	}{
		{"a claim of a stamp in the future lives to the end of that stamp's window", claimAt(&p, now+300_000, now), 300_000 + 300_000 + margin},
		{"a claim of an old stamp outlives its lease", claimAt(&p, now-300_000, now), 60_000 + 2*5_000},
		{"a tombstone lives as long as its claim's window", p.release(claimAt(&p, now, now), history{}), 300_000 + margin},
		{
			"a success covers attempts that were answered in flight", p.commit(claimAt(&p, now-300_000, now), 200, now),
			300_000 + 300_000 + 2*margin,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := p.life(&tt.rec, now).Milliseconds(); got != tt.want {
				t.Errorf("life %d ms, want %d", got, tt.want)
			}
		})
	}
	q := testProtocol(true)
	done := q.commit(claimAt(&q, now, now), 200, now)
	if got := q.life(&done, now); got != 25*time.Hour {
		t.Errorf("a done record lives for %v, want Remember", got)
	}
}

// The record of an unhandled message protects nothing after its window. A
// failing handler must not fill a store for Config.Remember.
func TestAMessageThatWasNotHandledIsNotRemembered(t *testing.T) {
	t.Parallel()
	const now = int64(1_800_000_000_000)
	for name, tt := range map[string]struct {
		eachAttempt bool
		id          identity
		stamp, want int64
	}{
		"a stamp of each attempt":     {true, identity{}, now, 300_000 + 2*5_000 + 1_000},
		"no stamp: the lease":         {false, identity{}, 0, 60_000 + 2*5_000},
		"no stamp, but it is counted": {false, identity{content: Key{1}}, 0, 25 * 3_600_000},
	} {
		p := testProtocol(tt.eachAttempt)
		var claimed record
		p.decide(new(record), &claimed, &tt.id, tt.stamp, now, [8]byte{1})
		released := p.release(claimed, history{})
		if got := p.life(&released, now).Milliseconds(); got != tt.want {
			t.Errorf("%s: a tombstone lives for %d ms, want %d", name, got, tt.want)
		}
		if got := p.life(&claimed, now).Milliseconds(); got != max(tt.want, 70_000) {
			t.Errorf("%s: a claim lives for %d ms, want %d", name, got, max(tt.want, 70_000))
		}
	}
}

func claimAt(p *protocol, stamp, now int64) record {
	var rec record
	p.decide(&record{}, &rec, new(identity), stamp, now, [8]byte{1})
	return rec
}

func TestAnUntimedMessageIsProtectedAsLongAsItIsRemembered(t *testing.T) {
	t.Parallel()
	p := testProtocol(false)
	rec := claimAt(&p, 0, 1_000)
	if got := rec.windowEnd; got != 1_000+p.hold+2*p.skew {
		t.Errorf("the window of a claim ends at %d", got)
	}
	done := p.commit(rec, 200, 2_000)
	if got := done.windowEnd; got != 2_000+p.remember {
		t.Errorf("window ends at %d", got)
	}
	var touched record
	p.decide(&done, &touched, new(identity), 0, 5_000, [8]byte{2})
	if got := touched.windowEnd; got != 5_000+p.remember {
		t.Errorf("after a redelivery the window ends at %d", got)
	}
}

func TestAMessageThroughItsStates(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{}, newMapStore())
		first := time.Now()
		d := b.admit(first)
		gen := d.message.Generation
		b.wantStatus(b.handle(first.Add(time.Second), 200), 503, "while it is being handled")
		b.wantLast(ErrInFlight)
		d.Settle(500)
		b.wantLast(ErrHandlerFailed)

		time.Sleep(2 * time.Second)
		second := time.Now()
		d = b.admit(second)
		if d.message.Generation <= gen {
			t.Errorf("generation %d after %d", d.message.Generation, gen)
		}
		b.wantStatus(d.Settle(202), 202, "the retry")
		b.wantLast(Handled)

		b.wantStatus(b.handle(second, 200), 409, "the same attempt again")
		b.wantLast(ErrReplay)

		time.Sleep(5 * time.Second)
		third := time.Now()
		d = b.admit(third)
		if a := d.Answer(); a == nil || a.Status != 202 || a.Header.Get(RedeliveryHeader) != "acknowledged" || !d.Err().Acknowledges() {
			t.Errorf("a redelivery is answered %+v, want the first success's 202, marked", a)
		}
		b.wantLast(ErrRedelivery)
		b.wantStatus(b.handle(third, 200), 409, "the redelivery again: it raised the mark")
		d = b.admit(second)
		if a := d.Answer(); a == nil || a.Status != 202 || a.Header.Get(RedeliveryHeader) != "acknowledged" {
			t.Errorf("an older attempt is answered %+v, want to be acknowledged", a)
		}
		b.wantLast(ErrReplay)
	})
}

func TestReruns(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		reruns, want int
	}{{0, 3}, {1, 1}, {63, 63}, {-1, 0}} {
		t.Run(fmt.Sprintf("Config.Reruns %d allows %d", tt.reruns, tt.want), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, Config{Reruns: tt.reruns}, newMapStore())
				at := time.Now()
				b.wantStatus(b.handle(at, 500), 500, "the first run")
				for i := range tt.want {
					// An older timestamp counts like the same one: it may come from another host of
					// the sender with a slower clock.
					b.wantStatus(b.handle(at.Add(-time.Duration(i%2)*time.Second), 500), 500, fmt.Sprintf("rerun %d", i+1))
				}
				b.wantStatus(b.handle(at, 200), 503, "one more")
				b.wantLast(ErrInFlight)
				b.wantStatus(b.handle(at.Add(-time.Second), 200), 503, "an older one")

				// The count belongs to the record: the handler runs for a newer attempt, which does
				// not reset the count.
				at = at.Add(time.Second)
				b.wantStatus(b.handle(at, 500), 500, "a newer attempt")
				b.wantStatus(b.handle(at, 200), 503, "its replay")
			})
		})
	}
}

func TestACrashIsTakenOverByANewerAttemptOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{}, newMapStore())
		at := time.Now()
		crashed := b.admit(at)
		time.Sleep(time.Minute + 10*time.Second - time.Millisecond)
		b.wantStatus(b.handle(time.Now(), 200), 503, "a millisecond before lease + 2 × skew")
		time.Sleep(time.Millisecond)
		b.wantStatus(b.handle(at, 200), 503, "the crashed attempt again: its outcome is unknown")
		d := b.admit(time.Now())
		if d.Answer() != nil {
			t.Fatal("a newer attempt does not take over:", d.Err())
		}
		if d.message.Generation <= crashed.message.Generation {
			t.Error("the takeover did not raise the generation")
		}

		// The first handler was only slow. Its outcome is ignored.
		b.wantStatus(crashed.Settle(200), 200, "the handler's answer stands")
		b.wantLast(ErrClaimLost)
		if rec, _ := b.store.only(t); rec.state != Claimed || rec.generation != d.message.Generation {
			t.Errorf("the late commit changed the record: %+v", rec)
		}
		d.Settle(201)
		b.wantLast(Handled)
	})
}

func TestALateReleaseIsFencedOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{}, newMapStore())
		slow := b.admit(time.Now())
		time.Sleep(71 * time.Second)
		b.wantStatus(b.handle(time.Now(), 200), 200, "the takeover")
		slow.Settle(500)
		b.wantLast(ErrClaimLost)
		if rec, _ := b.store.only(t); rec.state != Done {
			t.Errorf("a late failure undid a success: %+v", rec)
		}
	})
}

func TestAnOverrunHandlerThatNobodyTookOverStillCommits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{}, newMapStore())
		d := b.admit(time.Now())
		time.Sleep(2 * time.Minute)
		d.Settle(200)
		b.wantLast(Handled)
	})
}

func TestTheGenerationFencesAcrossExpiry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{Remember: time.Minute}, newMapStore())
		slow := b.admit(time.Now())
		time.Sleep(time.Hour) // its record has expired
		d := b.admit(time.Now())
		if d.message.Generation <= slow.message.Generation {
			t.Errorf("generation %d after %d", d.message.Generation, slow.message.Generation)
		}
		slow.Settle(200)
		b.wantLast(ErrClaimLost)
	})
}

func TestARedeliveryRenewsTheRecord(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{}, newMapStore())
		b.handle(time.Now(), 200)
		for range 3 { // 72 h with Remember 25 h
			time.Sleep(24 * time.Hour)
			b.wantStatus(b.handle(time.Now(), 500), 200, "a redelivery")
			b.wantLast(ErrRedelivery)
			if rec, life := b.store.only(t); life != 25*time.Hour || rec.mark != time.Now().UnixMilli() {
				t.Errorf("touched to mark %d and a life of %v", rec.mark, life)
			}
		}
	})
}

func TestAFailureKeepsTheRecordToTheEndOfItsWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{}, newMapStore())
		at := time.Now()
		b.handle(at, 500)
		rec, life := b.store.only(t)
		if rec.state != Released || rec.mark != at.UnixMilli() || life < 5*time.Minute || life > 6*time.Minute {
			t.Errorf("left behind: %+v for %v", rec, life)
		}
	})
}

func TestColdStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(10*time.Second + 700*time.Millisecond)
		store := newMapStore()
		store.forgets = true
		b := newBench(t, Config{}, store)
		start := time.Now().Truncate(time.Second)
		d := b.admit(start.Add(-time.Second))
		if a := d.Answer(); a == nil || a.Status != 503 || a.Header.Get("Retry-After") == "" {
			t.Errorf("stamped before the store's start: %+v", a)
		}
		b.wantLast(ErrColdStart)
		if !store.empty() {
			t.Error("it was claimed all the same")
		}
		b.wantStatus(b.handle(start, 200), 200, "a fresh program answers at once")

		store.forgets = false
		b = newBench(t, Config{}, newMapStore())
		b.wantStatus(b.handle(start.Add(-time.Minute), 200), 200, "a durable store")
	})
}

// emptied returns a bench whose store was emptied, and detects that during a swap.
func emptied(cfg Config, t *testing.T, before time.Duration) (*bench, time.Time) {
	t.Helper()
	time.Sleep(10 * time.Second)
	store := newMapStore()
	store.since = time.Now()
	b := newBench(t, cfg, store)
	time.Sleep(time.Minute)
	at := time.Now()
	b.wantStatus(b.handle(at, 200), 200, "the message")
	time.Sleep(before)
	store.clear()
	found := time.Now()
	store.before = func(context.Context, Value) error {
		store.since = found
		return nil
	}
	return b, at
}

func TestAStoreThatLostItsRecordsAnswersColdStartForWhatCameBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, at := emptied(Config{}, t, time.Second)
		b.wantStatus(b.handle(at, 200), 503, "a replay, with which the store finds out")
		b.wantLast(ErrColdStart)
		if b.store.swaps < 3 {
			t.Fatalf("%d swaps: the store was not asked", b.store.swaps)
		}
		if rec, life := b.store.only(t); rec.state != Claimed || life > time.Millisecond {
			t.Errorf("the claim was undone to %v for %v, which another node might run", rec.state, life)
		}
		swaps := b.store.swaps
		b.wantStatus(b.handle(at, 200), 503, "once more")
		b.wantLast(ErrColdStart)
		if b.store.swaps != swaps {
			t.Error("the store was asked again")
		}
		time.Sleep(time.Millisecond)
		b.wantStatus(b.handle(time.Now(), 200), 200, "the sender's next attempt")
		time.Sleep(time.Second)
		b.wantStatus(b.handle(time.Now(), 200), 200, "and the one after that")
		b.wantLast(ErrRedelivery)
	})
}

func TestAStoreThatKnowsNoTimeYetIsTakenAtItsWord(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{}, newMapStore())
		b.wantStatus(b.handle(time.Now().Add(-time.Minute), 200), 200, "an attempt from before the program")
	})
}

// A test may have a clock that stands still in another year.
func TestTheStoresTimeIsComparedInTheConfiguredClocksFrame(t *testing.T) {
	t.Parallel()
	for _, offset := range []time.Duration{-10 * 365 * 24 * time.Hour, 3*time.Second + 400*time.Millisecond, 24 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			clock := func() time.Time { return time.Now().Add(offset) }
			store := newMapStore()
			time.Sleep(time.Minute + 300*time.Millisecond)
			store.since = time.Now()
			b := newBench(t, Config{Clock: clock}, store)
			first := clock().Truncate(time.Second)
			b.wantStatus(b.handle(first, 200), 200, "an attempt of the same second")
			time.Sleep(time.Minute)
			b.wantStatus(b.v.Admit(t.Context(), b.request("n", first.Add(-time.Second)), testBody(`{}`)).Answer().Status, 503, "an attempt from before")
			b.wantLast(ErrColdStart)
		})
	}
}

func TestSignsOnceTreatsARetryAsARedelivery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{SignsOnce: true, Reruns: -1}, newMapStore())
		at := time.Now()
		for range 5 {
			b.wantStatus(b.handle(at, 500), 500, "the handler fails")
		}
		d := b.admit(at) // and crashes
		time.Sleep(69 * time.Second)
		b.wantStatus(b.handle(at, 200), 503, "in flight")
		time.Sleep(time.Second)
		b.wantStatus(b.handle(at, 204), 204, "takes the crashed one over")
		d.Settle(200)
		b.wantLast(ErrClaimLost)
		b.wantStatus(b.handle(at, 500), 204, "handled")
		b.wantLast(ErrRedelivery)
		time.Sleep(4 * time.Minute)
		b.wantStatus(b.handle(at, 500), 401, "the window still bounds its age")
	})
}

// untimed is Standard Webhooks without the meaning of its timestamp: a scheme whose retries are
// byte-identical.
type untimed struct{ StandardWebhooks }

func (untimed) Name() string       { return "untimed" }
func (untimed) Stamping() Stamping { return NotStamped }
func (u untimed) ReadHeader(r *Request, a *Attempt) error {
	err := u.StandardWebhooks.ReadHeader(r, a)
	a.Timestamp = time.Time{}
	return err
}

func TestAnUntimedScheme(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{Scheme: untimed{}, Remember: time.Hour}, newMapStore())
		at := time.Now()
		b.wantStatus(b.handle(at, 500), 500, "the first fails")
		b.wantStatus(b.handle(at, 202), 202, "the retry")
		for range 3 {
			time.Sleep(59 * time.Minute)
			b.wantStatus(b.handle(at, 500), 202, "a redelivery, which renews")
			b.wantLast(ErrRedelivery)
		}
		time.Sleep(time.Hour)
		b.wantStatus(b.handle(at, 200), 200, "forgotten after Remember")

		forgetful := newMapStore()
		forgetful.forgets = true
		_, err := New(Secrets(claimSecret), forgetful, &Config{Scheme: untimed{}})
		if !errors.Is(err, errForgetsUntimed) || !errors.Is(err, ErrMisconfigured) {
			t.Errorf("an untimed scheme on a store that forgets: %v", err)
		}
		b = newBench(t, Config{Scheme: untimed{}, DangerouslyReplayableAfterRestart: true}, forgetful)
		b.wantStatus(b.handle(at, 200), 200, "accepted dangerously")
	})
}

// binding refuses a second binding of one owner, as the stores of this module do.
type binding struct {
	*mapStore

	owners map[string]bool
}

func (b binding) Bind(owner string) error {
	if b.owners[owner] {
		return errors.New("bound twice to " + owner)
	}
	b.owners[owner] = true
	return nil
}

func TestAStoreIsBoundOnceToASchemeAndSource(t *testing.T) {
	t.Parallel()
	store := binding{newMapStore(), map[string]bool{}}
	bind := func(keys KeySource, cfg *Config) error {
		_, err := New(keys, store, cfg)
		return err
	}
	if err := bind(Secrets("nonsense"), nil); err == nil || len(store.owners) != 0 {
		t.Errorf("a configuration that failed (%v) bound the store", err)
	}
	keys := Secrets(claimSecret)
	for i, err := range []error{bind(keys, nil), bind(keys.From("other"), nil), bind(keys, &Config{Scheme: untimed{}}), bind(KeySourceFunc(keys.Keys), nil)} {
		if err != nil {
			t.Errorf("binding %d: %v", i, err)
		}
	}
	if err := bind(keys, nil); !errors.Is(err, ErrMisconfigured) {
		t.Errorf("bound twice: %v", err)
	}
}

func TestAnOutageIsAnswered503WithinStoreTimeout(t *testing.T) {
	t.Parallel()
	hang := func(ctx context.Context, _ Value) error { <-ctx.Done(); return ctx.Err() }
	tests := []struct {
		name   string
		before func(context.Context, Value) error
		want   Reason
	}{
		{"down", func(context.Context, Value) error { return errStoreDown }, ErrStoreUnavailable},
		{"hanging", hang, ErrStoreUnavailable},
		{"full", func(context.Context, Value) error { return fmt.Errorf("shard 3: %w", ErrStoreFull) }, ErrStoreFull},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := newMapStore()
				store.before = tt.before
				b := newBench(t, Config{StoreTimeout: 3 * time.Second}, store)
				began := time.Now()
				d := b.admit(began)
				if took := time.Since(began); took > 3*time.Second {
					t.Errorf("took %v", took)
				}
				if a := d.Answer(); a == nil || a.Status != 503 || a.Header.Get("Retry-After") == "" {
					t.Errorf("answered %+v", a)
				}
				b.wantLast(tt.want)
				store.before = nil
				b.wantStatus(b.handle(began, 200), 200, "the same attempt when the store is back")
			})
		})
	}
}

func TestAForeignRecordIsNotTakenForOurs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{}, newMapStore())
		b.handle(time.Now(), 200)
		for k, e := range b.store.live {
			e.value[8] = 99
			b.store.live[k] = e
		}
		b.wantStatus(b.handle(time.Now().Add(time.Second), 200), 503, "another format")
		b.wantLast(ErrStoreUnavailable)
	})
}

// loseReply makes the next swap to a record in this state succeed without a
// reply.
func loseReply(store *mapStore, state State, times int) {
	store.breakAfter(func(_ context.Context, next Value, happened bool) error {
		if rec, _ := decode(next); happened && rec.state == state && times > 0 {
			times--
			return errStoreDown
		}
		return nil
	})
}

func TestAClaimWhoseReplyIsLostIsUndone(t *testing.T) {
	t.Parallel()
	t.Run("the same attempt then runs, as its first, and uses up no rerun", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, Config{Reruns: -1}, newMapStore())
			at := time.Now()
			loseReply(b.store, Claimed, 1)
			b.wantStatus(b.handle(at, 200), 503, "the lost one")
			rec, _ := b.store.only(t)
			if rec.state != Released || rec.reruns != 0 {
				t.Errorf("left behind: %+v", rec)
			}
			b.wantStatus(b.handle(at, 200), 200, "the same attempt again")
			b.wantStatus(b.handle(at, 200), 409, "and again")
		})
	})
	t.Run("with the sender gone and its deadline passed", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, Config{}, newMapStore())
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			b.store.after = func(sctx context.Context, next Value, _ bool) error {
				if rec, _ := decode(next); rec.state == Claimed {
					<-sctx.Done() // the reply takes too long
					return sctx.Err()
				}
				return nil
			}
			at := time.Now()
			d := b.v.Admit(ctx, b.request("m", at), testBody(`{}`))
			if d.Answer() == nil || ctx.Err() == nil {
				t.Fatal("set up wrongly")
			}
			if rec, _ := b.store.only(t); rec.state != Released {
				t.Errorf("left behind: %+v", rec)
			}
		})
	})
	t.Run("after a failure the reruns stay as they were", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, Config{Reruns: 1}, newMapStore())
			at := time.Now()
			b.handle(at, 500)
			loseReply(b.store, Claimed, 1)
			b.wantStatus(b.handle(at, 200), 503, "a rerun, lost")
			b.wantStatus(b.handle(at, 500), 500, "the one rerun")
			b.wantStatus(b.handle(at, 200), 503, "no more")
		})
	})
	t.Run("of a takeover: the crashed attempt's outcome stays unknown", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, Config{}, newMapStore())
			at := time.Now()
			crashed := b.admit(at)
			time.Sleep(70 * time.Second)
			loseReply(b.store, Claimed, 1)
			second := time.Now()
			b.wantStatus(b.handle(second, 200), 503, "the takeover, lost")
			b.wantStatus(b.handle(at, 200), 503, "the crashed attempt does not run again")
			b.wantStatus(b.handle(second, 200), 200, "the one that took over does")
			crashed.Settle(500)
			b.wantLast(ErrClaimLost)
		})
	})
}

func TestACommitIsRetriedWithinStoreTimeout(t *testing.T) {
	t.Parallel()
	settleWith := func(t *testing.T, b *bench, status int) time.Duration {
		t.Helper()
		d := b.admit(time.Now())
		began := time.Now()
		b.wantStatus(d.Settle(status), status, "the handler's answer stands")
		return time.Since(began)
	}
	t.Run("an outage of a third of it is bridged", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, Config{StoreTimeout: 3 * time.Second}, newMapStore())
			d := b.admit(time.Now())
			back := time.Now().Add(time.Second)
			b.store.before = func(context.Context, Value) error {
				if time.Now().Before(back) {
					return errStoreDown
				}
				return nil
			}
			d.Settle(200)
			b.wantLast(Handled)
		})
	})
	t.Run("then in the background, while the lease keeps others out", func(t *testing.T) {
		t.Parallel()
		for status, again := range map[int]int{201: 201, 500: 200} {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, Config{}, newMapStore())
				d := b.admit(time.Now())
				back := time.Now().Add(40 * time.Second)
				b.store.before = func(context.Context, Value) error {
					if time.Now().Before(back) {
						return errStoreDown
					}
					return nil
				}
				d.Settle(status)
				time.Sleep(45 * time.Second)
				b.wantStatus(b.handle(time.Now(), 200), again, "the next attempt, before the lease is over")
			})
		}
	})
	t.Run("and no longer than the lease", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, Config{}, newMapStore())
			d := b.admit(time.Now())
			over := time.Now().Add(time.Minute)
			b.store.before = func(context.Context, Value) error {
				if time.Now().After(over) {
					t.Error("the store was asked after the lease")
				}
				return errStoreDown
			}
			d.Settle(200)
			time.Sleep(time.Hour)
		})
	})
	t.Run("a lost reply is not a lost claim", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, Config{}, newMapStore())
			loseReply(b.store, Done, 2)
			settleWith(t, b, 200)
			b.wantLast(Handled)
		})
	})
	t.Run("nor when a redelivery was acknowledged meanwhile", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, Config{}, newMapStore())
			d := b.admit(time.Now())
			lost := false
			b.store.after = func(_ context.Context, next Value, happened bool) error {
				if rec, _ := decode(next); !happened || rec.state != Done || lost {
					return nil
				}
				lost = true
				b.wantStatus(b.handle(time.Now().Add(time.Second), 500), 200, "the redelivery")
				return errStoreDown
			}
			d.Settle(200)
			b.wantLast(Handled)
		})
	})
	for name, before := range map[string]func(context.Context, Value) error{
		"down":    func(context.Context, Value) error { return errStoreDown },
		"hanging": func(ctx context.Context, _ Value) error { <-ctx.Done(); return ctx.Err() },
	} {
		t.Run("then it is reported, store "+name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, Config{}, newMapStore())
				for status, want := range map[int]Reason{201: ErrCommitFailed, 500: ErrHandlerFailed} {
					b.store.clear()
					b.store.before = func(ctx context.Context, next Value) error {
						if rec, _ := decode(next); rec.state != Claimed {
							return before(ctx, next)
						}
						return nil
					}
					if took := settleWith(t, b, status); took > 2*time.Second || took < time.Second/2 {
						t.Errorf("gave up after %v", took)
					}
					if e := b.wantLast(want); !errors.Is(e.Err, ErrStoreUnavailable) || e.Status != status {
						t.Errorf("observed %+v", e)
					}
					time.Sleep(2 * time.Minute) // the background calls have given up
					synctest.Wait()
				}
			})
		})
	}
	t.Run("a store that lost the claim still gets the success", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, Config{}, newMapStore())
			at := time.Now()
			d := b.admit(at)
			b.store.clear()
			d.Settle(200)
			b.wantLast(Handled)
			b.wantStatus(b.handle(at, 200), 409, "a replay")

			b.store.clear()
			d = b.admit(at)
			b.store.clear()
			d.Settle(500)
			b.wantLast(ErrHandlerFailed)
			if !b.store.empty() {
				t.Error("a failure was written without its claim")
			}
		})
	})
}

func TestAHandlerThatCommittedItselfHasHandledTheMessage(t *testing.T) {
	t.Parallel()
	for _, touched := range []bool{false, true} {
		t.Run(fmt.Sprintf("redelivered before it answered: %v", touched), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, Config{}, newMapStore())
				d := b.admit(time.Now())
				own := b.v.claims.protocol.commit(d.claim.rec, 200, time.Now().UnixMilli())
				b.store.swap(d.claim.key, d.claim.rec.encode(), own.encode(), time.Hour) // as a transaction would
				if touched {
					b.handle(time.Now().Add(time.Second), 500)
				}
				b.wantStatus(d.Settle(500), 500, "its own answer")
				b.wantLast(Handled)
				b.wantStatus(b.handle(time.Now().Add(2*time.Second), 500), 200, "a redelivery")
			})
		})
	}
}

func TestForget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		b := newBench(t, Config{}, newMapStore())
		forget := func() error { return b.v.Forget(ctx, "", "m") }
		if forget() == nil || !b.store.empty() {
			t.Error("an unknown message was forgotten, or asking left a record")
		}
		at := time.Now()
		d := b.admit(at)
		if forget() == nil {
			t.Error("a message in flight was forgotten")
		}
		d.Settle(200)
		if err := forget(); err != nil {
			t.Fatal(err)
		}
		b.wantStatus(b.handle(at.Add(time.Second), 201), 201, "the next attempt")
		b.wantStatus(b.handle(at.Add(2*time.Second), 500), 201, "the one after it")
		for _, id := range []string{"", " m", "m\n"} {
			if b.v.Forget(ctx, "", id) == nil {
				t.Errorf("id %q was accepted", id)
			}
		}
		b.store.before = func(context.Context, Value) error { return errStoreDown }
		if err := forget(); !errors.Is(err, ErrStoreUnavailable) {
			t.Errorf("store down: %v", err)
		}
	})
}

func TestOneOfManyAttemptsAtOnceRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newMapStore()
		store.before = func(context.Context, Value) error { time.Sleep(time.Millisecond); return nil } // all meet
		v := Must(New(Secrets(claimSecret), store, nil))
		b := &bench{t: t}
		b.signer, _ = NewSigner(claimSecret)
		var ran atomic.Int32
		var statuses [40]int
		var wg sync.WaitGroup
		for i := range statuses {
			r := b.request("m", time.Now().Add(time.Duration(i%7)*time.Second))
			wg.Go(func() {
				d := v.Admit(t.Context(), r, testBody(`{}`))
				if a := d.Answer(); a != nil {
					statuses[i] = a.Status
					return
				}
				ran.Add(1)
				time.Sleep(time.Second)
				statuses[i] = d.Settle(200)
			})
		}
		wg.Wait()
		slices.Sort(statuses[:])
		if ran.Load() != 1 || statuses[0] != 200 || statuses[1] != 503 || statuses[39] != 503 {
			t.Errorf("%d ran, answers %v", ran.Load(), statuses)
		}
	})
}

func TestTheWindowCoversAClaimOnItsWayToTheStore(t *testing.T) {
	t.Parallel()
	p := testProtocol(true)
	const now = int64(1_800_000_000_000)
	without := claimAt(&p, now, now).windowEnd
	p.visit = 1_500
	if got := claimAt(&p, now, now).windowEnd - without; got != p.visit {
		t.Errorf("a visit of %d ms lengthens the window by %d", p.visit, got)
	}
	v := Must(New(Secrets(GenerateSecret()), newMapStore(), &Config{StoreTimeout: 3 * time.Second}))
	if got := v.claims.visit; got != 3_000 {
		t.Errorf("with StoreTimeout of 3 s the window allows for %d ms", got)
	}
}

// If the system's clock is corrected after the program started, the time of the start moves with
// it, and no message is handled again.
func TestASystemClockThatIsSetRightMovesTheStartAlong(t *testing.T) {
	t.Parallel()
	start := time.Now()
	c := claims{since: func() time.Time { return start }}
	const behind, later = 3 * time.Minute, 10 * time.Second
	right := moment{at: start.Add(behind + later), real: start.Add(later)}
	for name, tt := range map[string]struct {
		stamp time.Time
		want  bool
	}{
		"a message from before the start": {start.Add(behind - 2*time.Second), true},
		"one from after it":               {start.Add(behind), false},
	} {
		if got := c.cold(tt.stamp.UnixMilli(), right); got != tt.want {
			t.Errorf("%s: cold is %t", name, got)
		}
	}
}

// docs/threat-model.md and memstore state how many messages, one a minute, are handled again.
func TestARestartWithTheClockBehindForgetsAsMuchAsTheClockIsBehind(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		behind    time.Duration
		corrected bool // after the start
		want      int
	}{
		"right":                          {0, false, 0},
		"behind by 3 minutes":            {3 * time.Minute, false, 3},
		"by 3 minutes, then right":       {3 * time.Minute, true, 3},
		"by 20 minutes":                  {20 * time.Minute, false, 20},
		"by 20 minutes, then right":      {20 * time.Minute, true, 5},
		"ahead by 3 minutes, then right": {-3 * time.Minute, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var behind atomic.Int64
				clock := func() time.Time { return time.Now().Add(-time.Duration(behind.Load())) }
				k := kindOf(t, "1: ")
				boot := func() *receiver {
					r := newReceiver(t, kindScheme{k}, k, Config{Clock: clock})
					r.store.forgets = true
					var err error
					if r.v, err = New(Secrets(kindSecret), r.store, &r.v.cfg); err != nil {
						t.Fatal(err)
					}
					return r
				}
				r := boot()
				var captured []*Request
				for i := range 60 {
					time.Sleep(30 * time.Second)
					q := r.request(message{id: "evt_" + strconv.Itoa(i), body: "{}"})
					r.want("a message", q, 200, Handled)
					captured = append(captured, q)
					time.Sleep(30 * time.Second)
				}
				behind.Store(int64(c.behind))
				r = boot()
				if c.corrected {
					behind.Store(0)
				}
				again := 0
				for range 2 * 60 {
					for _, q := range captured {
						if _, reason := r.deliver(q, 200); reason == Handled {
							again++
						}
					}
					time.Sleep(15 * time.Second)
				}
				if again != c.want {
					t.Errorf("%d messages of the last hour ran again, want %d", again, c.want)
				}
			})
		})
	}
}
