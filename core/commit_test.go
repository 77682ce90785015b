package core //nolint:testpackage // shares the bench of the claim tests

import (
	"context"
	"errors"
	"maps"
	"testing"
	"testing/synctest"
	"time"
)

// commitBench runs check in a bubble with an admitted delivery. The store
// serves as its own transaction: a rollback restores a copy. The stores with
// real transactions test those.
func commitBench(t *testing.T, check func(b *bench, d *Delivery)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{}, newMapStore())
		d := b.admit(time.Now())
		if d.Answer() != nil {
			t.Fatal(d.Err())
		}
		check(b, d)
	})
}

func TestCommit(t *testing.T) { //nolint:tparallel // commitBench makes every subtest parallel
	t.Parallel()
	t.Run("a message that was committed is handled, whatever the handler answers", func(t *testing.T) {
		commitBench(t, func(b *bench, d *Delivery) {
			if err := Commit(d.Context(), b.store); err != nil {
				t.Fatal(err)
			}
			if rec, _ := b.store.only(t); rec.state != Done || rec.status != 200 {
				t.Errorf("on record: %+v", rec)
			}
			d.Settle(500)
			b.wantLast(Handled)
			time.Sleep(time.Second)
			b.wantStatus(b.handle(time.Now(), 500), 200, "the redelivery")
			b.wantLast(ErrRedelivery)
		})
	})
	t.Run("after a rollback the handler's answer decides", func(t *testing.T) {
		for status, want := range map[int]State{200: Done, 500: Released} {
			t.Run(want.String(), func(t *testing.T) {
				commitBench(t, func(b *bench, d *Delivery) {
					before := maps.Clone(b.store.live)
					if err := Commit(d.Context(), b.store); err != nil {
						t.Fatal(err)
					}
					b.store.live = before
					d.Settle(status)
					if rec, _ := b.store.only(t); rec.state != want {
						t.Errorf("on record: %+v", rec)
					}
				})
			})
		}
	})
	t.Run("twice in one handler is once", func(t *testing.T) {
		commitBench(t, func(b *bench, d *Delivery) {
			for range 2 {
				if err := Commit(context.WithValue(d.Context(), contextTestKey{}, 1), b.store); err != nil {
					t.Error(err)
				}
				time.Sleep(time.Millisecond)
			}
		})
	})
	t.Run("a handler that overran its lease is told to roll back, and the one that took over stays", func(t *testing.T) {
		commitBench(t, func(b *bench, d *Delivery) {
			time.Sleep(71 * time.Second)
			second := b.admit(time.Now())
			if second.Answer() != nil {
				t.Fatal(second.Err())
			}
			before, _ := b.store.only(t)
			if err := Commit(context.WithoutCancel(d.Context()), b.store); !errors.Is(err, ErrClaimLost) {
				t.Errorf("error %v", err)
			}
			if after, _ := b.store.only(t); after != before {
				t.Errorf("the record changed from %+v to %+v", before, after)
			}
		})
	})
	t.Run("a late handler writes nothing: its context has ended", func(t *testing.T) {
		commitBench(t, func(b *bench, d *Delivery) {
			time.Sleep(56 * time.Second)
			if err := Commit(d.Context(), b.store); !errors.Is(err, ErrStoreUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error %v", err)
			}
			if rec, _ := b.store.only(t); rec.state != Claimed {
				t.Errorf("on record: %+v", rec)
			}
		})
	})
	t.Run("a claim that the store lost does not keep the message from being recorded", func(t *testing.T) {
		commitBench(t, func(b *bench, d *Delivery) {
			b.store.clear()
			if err := Commit(d.Context(), b.store); err != nil {
				t.Error(err)
			}
			if rec, _ := b.store.only(t); rec.state != Done {
				t.Errorf("on record: %+v", rec)
			}
		})
	})
	t.Run("a store that fails is asked once", func(t *testing.T) {
		commitBench(t, func(b *bench, d *Delivery) {
			asked := 0
			b.store.before = func(context.Context, Value) error { asked++; return errStoreDown }
			if err := Commit(d.Context(), b.store); !errors.Is(err, ErrStoreUnavailable) || !errors.Is(err, errStoreDown) || asked != 1 {
				t.Errorf("asked %d times, error %v", asked, err)
			}
		})
	})
	t.Run("a store that hangs is left after StoreTimeout", func(t *testing.T) {
		commitBench(t, func(b *bench, d *Delivery) {
			b.store.before = func(ctx context.Context, _ Value) error { <-ctx.Done(); return ctx.Err() }
			began := time.Now()
			if err := Commit(d.Context(), b.store); !errors.Is(err, ErrStoreUnavailable) || time.Since(began) != 2*time.Second {
				t.Errorf("after %v: %v", time.Since(began), err)
			}
		})
	})
	t.Run("no store is a misconfiguration", func(t *testing.T) {
		commitBench(t, func(_ *bench, d *Delivery) {
			var none *mapStore
			for _, s := range []SeenStore{nil, none} {
				if err := Commit(d.Context(), s); !errors.Is(err, ErrMisconfigured) {
					t.Errorf("error %v", err)
				}
			}
		})
	})
	t.Run("outside an admitted request it is a misconfiguration", func(t *testing.T) {
		t.Parallel()
		if err := Commit(t.Context(), newMapStore()); !errors.Is(err, ErrMisconfigured) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("in report-only mode nothing is recorded for an attempt that was not admitted", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, Config{DangerouslyReportOnly: true}, newMapStore())
			d := b.admit(time.Now().Add(-time.Hour))
			if d.Answer() != nil || d.Err() == nil {
				t.Fatal("the stale attempt is not reported only")
			}
			if err := Commit(d.Context(), b.store); err != nil || !b.store.empty() {
				t.Errorf("error %v, store empty: %v", err, b.store.empty())
			}
			if _, ok := FromContext(d.Context()); ok {
				t.Error("FromContext finds a message that was not admitted")
			}
		})
	})
}
