package core //nolint:testpackage // tests the handler's context by itself

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

type contextTestKey struct{}

func TestTheHandlersContext(t *testing.T) { //nolint:tparallel // with makes every subtest parallel
	t.Parallel()
	// with admits a message under parent. The end of the bubble finds leaked
	// goroutines.
	with := func(t *testing.T, parent func(context.Context) (context.Context, context.CancelFunc), check func(*testing.T, *Delivery, context.CancelFunc)) {
		t.Helper()
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := parent(context.WithValue(context.Background(), contextTestKey{}, "outer"))
			defer cancel()
			b := newBench(t, Config{}, newMapStore())
			d := b.v.Admit(ctx, b.request("m", time.Now()), testBody(`{}`))
			if d.Answer() != nil {
				t.Fatal(d.Err())
			}
			check(t, d, cancel)
		})
	}
	lease := 55 * time.Second

	t.Run("keeps values, finds the message, and survives the sender's disconnect", func(t *testing.T) {
		with(t, context.WithCancel, func(t *testing.T, d *Delivery, disconnect context.CancelFunc) {
			ctx := d.Context()
			disconnect()
			if ctx.Err() != nil || ctx.Value(contextTestKey{}) != "outer" {
				t.Errorf("err %v, value %v", ctx.Err(), ctx.Value(contextTestKey{}))
			}
			child, cancel := context.WithCancel(ctx)
			defer cancel()
			if m, ok := FromContext(child); !ok || m.ID != "m" || m.Generation == 0 || m.KeyID != "key-1" {
				t.Errorf("FromContext: %+v, %v", m, ok)
			}
			if child.Err() != nil || child.Value(contextTestKey{}) != "outer" {
				t.Errorf("the child: err %v, value %v", child.Err(), child.Value(contextTestKey{}))
			}
			select {
			case <-ctx.Done():
				t.Error("done")
			default:
			}
			d.Settle(200)
		})
	})
	t.Run("ends five seconds before its lease, whether somebody waits or only asks", func(t *testing.T) {
		with(t, context.WithCancel, func(t *testing.T, d *Delivery, _ context.CancelFunc) {
			began := time.Now()
			ctx := d.Context()
			if at, ok := ctx.Deadline(); !ok || at.Sub(began) != lease {
				t.Errorf("deadline after %v", at.Sub(began))
			}
			time.Sleep(lease - 1)
			if ctx.Err() != nil {
				t.Error("ended early")
			}
			time.Sleep(time.Nanosecond)
			if !errors.Is(ctx.Err(), context.DeadlineExceeded) || !errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
				t.Errorf("err %v, cause %v", ctx.Err(), context.Cause(ctx))
			}
			<-ctx.Done()
			d.Settle(500)
		})
	})
	t.Run("wakes who waits for it", func(t *testing.T) {
		with(t, context.WithCancel, func(t *testing.T, d *Delivery, _ context.CancelFunc) {
			began := time.Now()
			<-d.Context().Done()
			if took := time.Since(began); took != lease || !errors.Is(d.Context().Err(), context.DeadlineExceeded) {
				t.Errorf("woken after %v: %v", took, d.Context().Err())
			}
		})
	})
	t.Run("keeps an outer deadline that is earlier", func(t *testing.T) {
		with(t, func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 10*time.Second)
		}, func(t *testing.T, d *Delivery, _ context.CancelFunc) {
			began := time.Now()
			<-d.Context().Done()
			if took := time.Since(began); took != 10*time.Second {
				t.Errorf("ended after %v", took)
			}
		})
	})
	t.Run("is cancelled by Settle, for those who wait, ask or come later", func(t *testing.T) {
		with(t, context.WithCancel, func(t *testing.T, d *Delivery, _ context.CancelFunc) {
			ctx := d.Context()
			d.Settle(200)
			if !errors.Is(ctx.Err(), context.Canceled) || !errors.Is(context.Cause(ctx), context.Canceled) {
				t.Errorf("err %v, cause %v", ctx.Err(), context.Cause(ctx))
			}
			<-ctx.Done()
			child, cancel := context.WithTimeout(ctx, time.Hour)
			defer cancel()
			<-child.Done()
			if m, ok := FromContext(ctx); !ok || m.ID != "m" {
				t.Error("the message is gone")
			}
		})
	})
	t.Run("children need no goroutine and end with it", func(t *testing.T) {
		with(t, context.WithCancel, func(t *testing.T, d *Delivery, _ context.CancelFunc) {
			ctx := d.Context()
			before := runtime.NumGoroutine()
			var children []context.Context
			for range 50 {
				child, cancel := context.WithTimeout(ctx, 10*time.Minute)
				defer cancel()
				children = append(children, child)
			}
			called, stopped := false, false
			context.AfterFunc(ctx, func() { called = true })
			context.AfterFunc(ctx, func() { stopped = true })()       // stopped at once
			if extra := runtime.NumGoroutine() - before; extra > 20 { // other tests run beside this one
				t.Errorf("%d goroutines for 50 children", extra)
			}
			d.Settle(200)
			synctest.Wait()
			for _, child := range children {
				if !errors.Is(child.Err(), context.Canceled) {
					t.Fatal("a child lives on:", child.Err())
				}
			}
			if !called || stopped {
				t.Errorf("AfterFunc called: %v; the stopped one: %v", called, stopped)
			}
		})
	})
	t.Run("may be used by many goroutines while it is settled", func(t *testing.T) {
		with(t, context.WithCancel, func(_ *testing.T, d *Delivery, _ context.CancelFunc) {
			ctx := d.Context()
			for range 20 {
				go func() {
					_ = ctx.Value(contextTestKey{})
					_ = ctx.Err()
					<-ctx.Done()
				}()
			}
			d.Settle(200)
		})
	})
}

func TestFromContextOfAnythingElse(t *testing.T) {
	t.Parallel()
	if m, ok := FromContext(context.Background()); ok || m.ID != "" {
		t.Errorf("a message from nowhere: %+v", m)
	}
}

// The first caller of Done creates the channel, and Settle may run at any
// moment.
func TestAnEndedContextIsEndedForEveryone(t *testing.T) {
	t.Parallel()
	for range 20_000 {
		c := new(lazyContext)
		c.init(t.Context(), time.Now().Add(time.Hour))
		var waiters [3]<-chan struct{}
		var ready, done sync.WaitGroup
		ready.Add(1)
		for i := range waiters {
			done.Go(func() {
				ready.Wait()
				waiters[i] = c.Done()
			})
		}
		done.Go(func() {
			ready.Wait()
			c.finish()
		})
		ready.Done()
		done.Wait()
		for _, ended := range waiters {
			if ended != waiters[0] {
				t.Fatal("two channels of one context")
			}
			select {
			case <-ended:
			default:
				t.Fatal("somebody waits for a context that has ended")
			}
		}
		if !errors.Is(c.Err(), context.Canceled) {
			t.Fatal(c.Err())
		}
	}
}
