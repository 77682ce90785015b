package core //nolint:testpackage // a process that dies no longer renews its leases

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// another is a second process on the same store.
func (b *bench) another(cfg Config) *bench {
	b.t.Helper()
	return newBench(b.t, cfg, b.store)
}

// die simulates the end of the process that handles d.
func (b *bench) die(d *Delivery) { b.v.claims.leave(d) }

func TestAMessageOfADeadProcessIsSoonFree(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		cfg   Config
		after time.Duration // of its handler's work
		free  time.Duration // after the last renewal
	}{
		"at once":                              {Config{}, 0, 19 * time.Second},
		"after its lease was renewed":          {Config{}, 20 * time.Second, 19 * time.Second},
		"with a shorter lease than is renewed": {Config{Lease: 6 * time.Second}, 0, 16 * time.Second},
		"with a smaller skew":                  {Config{Skew: time.Second}, 0, 11 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, tt.cfg, newMapStore())
				d := b.admit(time.Now())
				time.Sleep(tt.after)
				b.die(d)
				last := time.UnixMilli(max(d.leaseEnd, d.claim.rec.leaseEnd)).Add(-time.Duration(b.v.claims.lease) * time.Millisecond)
				if ago := time.Since(last); ago > renewAfter+sweepPause {
					t.Fatalf("renewed %v ago", ago)
				}
				other := b.another(tt.cfg)
				time.Sleep(time.Until(last.Add(tt.free - time.Second)))
				other.wantStatus(other.handle(time.Now(), 200), 503, "before")
				time.Sleep(time.Second)
				other.wantStatus(other.handle(time.Now(), 200), 200, "after")
				other.wantLast(Handled)
			})
		})
	}
}

func TestAMessageIsNotTakenOverWhileItsHandlerRuns(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string]Stamping{"a time of each attempt": StampedEachAttempt, "one time": StampedOnce} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				cfg := Config{SignsOnce: kind == StampedOnce}
				b := newBench(t, cfg, newMapStore())
				other := b.another(cfg)
				signed := time.Now()
				d := b.admit(signed)
				key := d.claim.key
				claimed := b.store.value(key)
				for range 54 {
					time.Sleep(time.Second)
					if kind == StampedEachAttempt {
						signed = time.Now()
					}
					other.wantStatus(other.handle(signed, 200), 503, "meanwhile")
					other.wantLast(ErrInFlight)
				}
				if d.Context().Err() != nil {
					t.Errorf("the handler was stopped: %v", d.Context().Err())
				}
				if b.store.value(key) != claimed {
					t.Error("a renewal changed the record of the message: a transaction with an older snapshot cannot commit it")
				}
				b.wantStatus(d.Settle(200), 200, "Settle")
				other.wantStatus(other.handle(time.Now(), 500), 200, "the redelivery")
			})
		})
	}
}

func TestAHandlerThatNeverEndsLosesItsMessageAfterTheLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{}, newMapStore())
		other := b.another(Config{})
		d := b.admit(time.Now())
		<-d.Context().Done()
		calls := b.store.calls.Load()
		time.Sleep(6 * time.Second)
		if b.store.calls.Load() != calls {
			t.Error("the store was asked to renew a lease beyond its bound")
		}
		time.Sleep(8 * time.Second) // 55 seconds of the handler, 5 for the store, 10 for clocks
		other.wantStatus(other.handle(time.Now(), 200), 503, "before the lease has ended on every clock")
		time.Sleep(time.Second)
		other.wantStatus(other.handle(time.Now(), 200), 200, "after")
		d.Settle(200)
		b.wantLast(ErrClaimLost)
	})
}

// outage makes the store fail from now on for a time.
func (b *bench) outage(d time.Duration) {
	until := time.Now().Add(d)
	b.store.breakBefore(func(context.Context, Value) error {
		if time.Now().Before(until) {
			return errStoreDown
		}
		return nil
	})
}

func TestAHandlerIsStoppedBeforeItsLeaseEndsUnrenewed(t *testing.T) {
	t.Parallel()
	for name, store := range map[string]func(b *bench){
		"the store fails": func(b *bench) { b.outage(time.Hour) },
		"the store hangs": func(b *bench) {
			b.store.breakBefore(func(ctx context.Context, _ Value) error {
				<-ctx.Done()
				return ctx.Err()
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, Config{}, newMapStore())
				d := b.admit(time.Now())
				store(b)
				began := time.Now()
				<-d.Context().Done()
				if took := time.Since(began); took < 7*time.Second || took >= shortLease {
					t.Errorf("its context ended after %v", took)
				}
				if !errors.Is(d.Context().Err(), context.Canceled) {
					t.Errorf("its context ended with %v", d.Context().Err())
				}
				b.store.breakBefore(nil)
				b.wantStatus(d.Settle(0), 503, "a handler that wrote nothing")
				if e := b.wantLast(ErrHandlerFailed); !strings.Contains(e.Err.Error(), "lease could not be renewed") {
					t.Errorf("observed %v", e.Err)
				}
				b.wantStatus(b.handle(time.Now().Add(time.Second), 200), 200, "the retry")
			})
		})
	}
}

func TestAShortOutageStopsNoHandler(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{}, newMapStore())
		other := b.another(Config{})
		d := b.admit(time.Now())
		for range 8 {
			b.outage(4 * time.Second)
			time.Sleep(6 * time.Second)
			other.wantStatus(other.handle(time.Now(), 200), 503, "meanwhile")
		}
		if d.Context().Err() != nil {
			t.Fatalf("the handler was stopped: %v", d.Context().Err())
		}
		b.wantStatus(d.Settle(200), 200, "Settle")
		b.wantLast(Handled)
	})
}

// A renewal whose reply was lost is repeated, and the renewal of an earlier
// claim does not block that of this one.
func TestARenewalGoesOnWhateverBecameOfTheLastOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{}, newMapStore())
		other := b.another(Config{})
		d := b.admit(time.Now())
		time.Sleep(20 * time.Second)
		d.Settle(500)
		d = b.admit(time.Now())
		var lost atomic.Int64
		b.store.breakAfter(func(_ context.Context, next Value, _ bool) error {
			if rec, _ := decode(next); rec.state == Claimed && rec.mark == 0 && lost.Load() < 3 {
				lost.Add(1)
				return errStoreDown
			}
			return nil
		})
		for range 50 {
			time.Sleep(time.Second)
			other.wantStatus(other.handle(time.Now(), 200), 503, "meanwhile")
		}
		if lost.Load() != 3 || d.Context().Err() != nil {
			t.Errorf("%d replies were lost; %v", lost.Load(), d.Context().Err())
		}
		d.Settle(200)
		b.wantLast(Handled)
	})
}

// The renewal of a failed handler does not block the next attempt, and does not
// extend the next claim.
func TestARenewalBelongsToItsClaim(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ahead := Config{Clock: func() time.Time { return time.Now().Add(5 * time.Second) }}
		b := newBench(t, ahead, newMapStore())
		other := b.another(Config{})
		d := b.admit(time.Now())
		time.Sleep(40 * time.Second) // its last renewal lasts longer than the next claim, by its clock
		d.Settle(500)
		second := other.admit(time.Now())
		if second.Answer() != nil {
			t.Fatalf("the next attempt: %v", second.Err())
		}
		other.die(second)
		time.Sleep(19 * time.Second)
		third := b.another(Config{})
		third.wantStatus(third.handle(time.Now(), 200), 200, "after that process has died too")
	})
}

func TestALeaseThatWasTakenOverStopsTheHandler(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{}, newMapStore())
		other := b.another(Config{})
		d := b.admit(time.Now())
		b.store.clear() // a failover that lost the claim
		time.Sleep(2 * time.Second)
		long := other.admit(time.Now())
		time.Sleep(20 * time.Second)
		if long.Context().Err() != nil {
			t.Errorf("the second handler was stopped: %v", long.Context().Err())
		}
		if d.Context().Err() == nil {
			t.Error("the first handler goes on")
		}
		long.Settle(200)
		d.Settle(200)
		b.wantLast(ErrClaimLost)
	})
}

// If a store lost its records, the next renewal writes the claim again.
func TestAStoreThatLostTheClaimGetsItBackWithTheRenewal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{}, newMapStore())
		other := b.another(Config{})
		d := b.admit(time.Now())
		for range 2 { // before its first renewal, and after one
			time.Sleep(2 * time.Second)
			b.store.clear()
			time.Sleep(4 * time.Second)
		}
		for range 40 {
			other.wantStatus(other.handle(time.Now(), 200), 503, "meanwhile")
			time.Sleep(time.Second)
		}
		b.wantStatus(d.Settle(200), 200, "Settle")
		b.wantLast(Handled)
	})
}

// The outcome of a handler that ended during an outage is written when the
// store is back. Until then the claim is kept.
func TestTheLeaseIsKeptUntilTheOutcomeIsWritten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{}, newMapStore())
		d := b.admit(time.Now())
		b.outage(40 * time.Second)
		time.Sleep(time.Second)
		b.wantStatus(d.Settle(200), 200, "Settle")
		b.wantLast(ErrCommitFailed)
		time.Sleep(39*time.Second + time.Millisecond)
		b.wantStatus(b.handle(time.Now(), 500), 503, "the first request after the outage")
		time.Sleep(3 * time.Second)
		b.wantStatus(b.handle(time.Now(), 500), 200, "the redelivery")
	})
}

func TestNothingIsKeptForAHandlerThatHasEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{}, newMapStore())
		kept := func() (deliveries, sweeping int) {
			for i := range b.v.claims.running {
				k := &b.v.claims.running[i]
				k.Lock()
				for d := k.first; d != nil; d = d.next {
					deliveries++
				}
				if k.sweeping {
					sweeping++
				}
				k.Unlock()
			}
			return deliveries, sweeping
		}
		d := b.admit(time.Now())
		if n, sweeping := kept(); n != 1 || sweeping != 1 {
			t.Errorf("%d deliveries, %d sweeps, want one of each", n, sweeping)
		}
		calls := b.store.calls.Load()
		time.Sleep(2 * time.Second)
		if b.store.calls.Load() != calls {
			t.Error("a young lease was renewed")
		}
		d.Settle(200)
		time.Sleep(4 * time.Second)
		if n, sweeping := kept(); n != 0 || sweeping != 0 {
			t.Errorf("%d deliveries, %d sweeps are left", n, sweeping)
		}
		b.v.Admit(context.Background(), b.request("never-settled", time.Now()), testBody(`{}`))
		time.Sleep(64 * time.Second)
		if n, sweeping := kept(); n != 0 || sweeping != 0 {
			t.Errorf("%d deliveries, %d sweeps are left after the lease", n, sweeping)
		}
	})
}

func TestAProcessThatWasSuspendedPastItsLeaseStopsTheHandler(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var ahead atomic.Int64
		b := newBench(t, Config{Clock: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }}, newMapStore())
		d := b.admit(time.Now())
		time.Sleep(2 * time.Second)
		calls := b.store.calls.Load()
		ahead.Store(int64(20 * time.Second))
		time.Sleep(2 * time.Second)
		if b.store.calls.Load() != calls {
			t.Error("the store was asked to renew a lease that had ended")
		}
		if d.Context().Err() == nil {
			t.Error("the handler goes on")
		}
		d.Settle(500)
		b.wantLast(ErrHandlerFailed)
	})
}

// If the clock jumps, as in a test or on a suspended machine, the message of a
// running handler stays claimed.
func TestAClockThatJumpsDoesNotMakeTheHandlerItsOwnRival(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var ahead atomic.Int64
		b := newBench(t, Config{Clock: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }}, newMapStore())
		d := b.admit(time.Now())
		ahead.Store(int64(40 * time.Second))
		b.wantStatus(b.handle(time.Now().Add(40*time.Second), 200), 503, "after a jump")
		d.Settle(200)
		b.wantLast(Handled)
	})
}

// A handler that continues after its commit has no lease to renew, and its context is not
// cancelled.
func TestAHandlerGoesOnAfterItsCommit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{}, newMapStore())
		d := b.admit(time.Now())
		time.Sleep(time.Second)
		if err := Commit(d.Context(), b.store); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Second)
		if d.Context().Err() != nil {
			t.Errorf("the handler was stopped: %v", d.Context().Err())
		}
		b.wantStatus(d.Settle(0), 200, "Settle")
		b.wantLast(Handled)
	})
}

// Processes with different values of Config.Lease share the store, as in a rolling deployment.
func TestAProcessThatNeedsNoRenewalsSeesThoseOfOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{}, newMapStore())
		other := b.another(Config{Lease: 8 * time.Second})
		d := b.admit(time.Now())
		for range 40 {
			time.Sleep(time.Second)
			other.wantStatus(other.handle(time.Now(), 200), 503, "meanwhile")
		}
		d.Settle(200)
		b.wantLast(Handled)
	})
}

func TestAClaimThatTookLongIsRenewedAtOnceOrGivenBack(t *testing.T) {
	t.Parallel()
	for took, admitted := range map[time.Duration]bool{6 * time.Second: true, 20 * time.Second: false} {
		t.Run(took.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := newMapStore()
				var slow atomic.Bool
				slow.Store(true)
				store.after = func(context.Context, Value, bool) error {
					if slow.Swap(false) {
						time.Sleep(took)
					}
					return nil
				}
				b := newBench(t, Config{StoreTimeout: 30 * time.Second, BodyTimeout: time.Second}, store)
				d := b.admit(time.Now())
				if (d.Answer() == nil) != admitted {
					t.Fatalf("admitted: %t (%v)", d.Answer() == nil, d.Err())
				}
				if !admitted {
					b.wantLast(ErrStoreUnavailable)
					b.wantStatus(b.handle(time.Now(), 200), 200, "the next attempt")
					return
				}
				time.Sleep(20 * time.Second)
				if d.Context().Err() != nil {
					t.Errorf("the handler was stopped: %v", d.Context().Err())
				}
				d.Settle(200)
				b.wantLast(Handled)
			})
		})
	}
}

func TestALateClaimIsRenewedAtOnceWhileOthersAreHandled(t *testing.T) {
	t.Parallel()
	for _, took := range []time.Duration{3 * time.Second, 4 * time.Second, 5 * time.Second, 6 * time.Second, 7 * time.Second} {
		t.Run(took.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, Config{StoreTimeout: 10 * time.Second}, newMapStore())
				admit := func(id string) *Delivery {
					return b.v.Admit(context.Background(), b.request(id, time.Now()), testBody(`{}`))
				}
				var others []*Delivery
				for i := range 64 { // some in each keeper
					others = append(others, admit("other_"+strconv.Itoa(i)))
				}
				time.Sleep(50 * time.Millisecond) // their next sweep is just after that of a claim which is in time
				var slow atomic.Bool
				slow.Store(true)
				b.store.breakBefore(func(context.Context, Value) error {
					if slow.Swap(false) {
						time.Sleep(took)
					}
					return nil
				})
				d := admit("m")
				b.store.breakBefore(nil)
				if d.Err() != nil {
					t.Fatal(d.Err())
				}
				time.Sleep(20 * time.Second)
				if err := d.Context().Err(); err != nil {
					t.Errorf("the handler was stopped: %v", err)
				}
				d.Settle(200)
				b.wantLast(Handled)
				for _, other := range others {
					other.Settle(200)
				}
			})
		})
	}
}

func TestAClockThatIsSetBackHidesNoLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var ahead atomic.Int64
		ahead.Store(int64(40 * time.Second))
		b := newBench(t, Config{Clock: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }}, newMapStore())
		other := b.another(Config{})
		var all []*Delivery
		for i := range 64 { // some in each keeper
			if i == 32 {
				ahead.Store(0)
			}
			id := "msg_" + strconv.Itoa(i)
			all = append(all, b.v.Admit(context.Background(), b.request(id, b.v.cfg.Clock()), testBody(`{}`)))
		}
		time.Sleep(25 * time.Second)
		for i, d := range all[32:] {
			id := "msg_" + strconv.Itoa(32+i)
			if second := other.v.Admit(context.Background(), other.request(id, time.Now()), testBody(`{}`)); second.Answer() == nil {
				t.Fatalf("%s was taken over", id)
			}
			if d.Context().Err() != nil {
				t.Errorf("the handler of %s was stopped", id)
			}
		}
		for _, d := range all {
			d.Settle(500)
		}
	})
}

func TestALongSuspensionStopsTheHandlerAsWell(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var ahead atomic.Int64
		b := newBench(t, Config{Clock: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }}, newMapStore())
		d := b.admit(time.Now())
		ahead.Store(int64(75 * time.Second))
		time.Sleep(4 * time.Second)
		if d.Context().Err() == nil {
			t.Error("the handler goes on")
		}
		d.Settle(500)
	})
}

func TestAPanicOfTheStoreInARenewalIsAFailureOfTheStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{}, newMapStore())
		d := b.admit(time.Now())
		b.store.breakBefore(func(context.Context, Value) error { panic("a bug in the store") })
		<-d.Context().Done()
		b.store.breakBefore(nil)
		d.Settle(500)
		b.wantLast(ErrHandlerFailed)
	})
}

func TestReportOnlyStopsNoHandler(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{DangerouslyReportOnly: true}, newMapStore())
		d := b.admit(time.Now())
		b.outage(time.Hour)
		time.Sleep(30 * time.Second)
		if d.Context().Err() != nil {
			t.Errorf("the handler was stopped: %v", d.Context().Err())
		}
		b.store.breakBefore(nil)
		d.Settle(200)
	})
}
