package group_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookonce/hookonce/internal/group"
)

// engine replies after a delay, and records the groups.
type engine struct {
	line group.Line[*int]
	took time.Duration

	mu     sync.Mutex
	groups []int // their sizes
	now    int   // on their way
	most   int   // on their way at once
}

func newEngine(width, most int, took time.Duration) *engine {
	e := &engine{took: took}
	e.line.Width, e.line.Most = width, most
	e.line.Send = func(ctx context.Context, all []*int) {
		e.mu.Lock()
		e.groups = append(e.groups, len(all))
		e.now++
		e.most = max(e.most, e.now)
		e.mu.Unlock()
		select {
		case <-time.After(e.took):
			for _, n := range all {
				*n *= 2
			}
		case <-ctx.Done():
		}
		e.mu.Lock()
		e.now--
		e.mu.Unlock()
	}
	return e
}

// call makes n concurrent calls, each with its own number, and checks their
// results.
func (e *engine) call(t *testing.T, n int) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			number := i
			if err := e.line.Do(t.Context(), &number); err != nil || number != 2*i {
				t.Errorf("call %d: %d, %v", i, number, err)
			}
		})
	}
	wg.Wait()
}

func TestACallGoesAtOnceWhereNothingIsOnItsWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, began := newEngine(1, 10, time.Millisecond), time.Now()
		for range 3 {
			e.call(t, 1)
		}
		if took := time.Since(began); took != 3*time.Millisecond || !slices.Equal(e.groups, []int{1, 1, 1}) {
			t.Errorf("three calls, one after the other, took %v in groups of %v", took, e.groups)
		}
	})
}

func TestCallsWaitForThoseOnTheirWayAndGoTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, began := newEngine(2, 10, time.Millisecond), time.Now()
		e.call(t, 30)
		slices.Sort(e.groups)
		if took := time.Since(began); took != 3*time.Millisecond || !slices.Equal(e.groups, []int{1, 1, 8, 10, 10}) || e.most != 2 {
			t.Errorf("30 calls took %v in groups of %v, %d at once", took, e.groups, e.most)
		}
	})
}

// TestASmallGroupWaitsWhileMuchIsOnItsWay: six calls take one, two …
// milliseconds. Later calls go when enough of them wait, or when few of the six
// are left.
func TestASmallGroupWaitsWhileMuchIsOnItsWay(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		waiting int
		after   time.Duration
	}{
		{"enough of them", 8, time.Millisecond},
		{"too few, until half have returned", 7, 4 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var line group.Line[time.Duration]
				line.Width, line.Most = 6, 10
				began := time.Now()
				line.Send = func(_ context.Context, all []time.Duration) { time.Sleep(all[0]) }
				var wg sync.WaitGroup
				for i := range 6 {
					wg.Go(func() { _ = line.Do(t.Context(), time.Duration(i+1)*time.Millisecond) })
				}
				synctest.Wait()
				for range tt.waiting {
					wg.Go(func() {
						_ = line.Do(t.Context(), 0)
						if took := time.Since(began); took != tt.after {
							t.Errorf("after %v, not %v", took, tt.after)
						}
					})
				}
				wg.Wait()
			})
		})
	}
}

// TestAGroupThatHangsHoldsUpNobodyForLong: a later call is sent within 20 milliseconds.
func TestAGroupThatHangsHoldsUpNobodyForLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var line group.Line[*int]
		var hung atomic.Bool
		line.Width, line.Most = 1, 10
		line.Send = func(ctx context.Context, _ []*int) {
			if hung.CompareAndSwap(false, true) {
				<-ctx.Done()
			}
		}
		var wg sync.WaitGroup
		began := time.Now()
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_ = line.Do(ctx, new(int))
			if took := time.Since(began); took != time.Second {
				t.Errorf("the one that hangs took %v", took)
			}
		})
		synctest.Wait()
		for range 25 {
			wg.Go(func() {
				err := line.Do(t.Context(), new(int))
				if took := time.Since(began); err != nil || took > 20*time.Millisecond {
					t.Errorf("behind it: %v after %v", err, took)
				}
			})
		}
		wg.Wait()
	})
}

func TestACallerLeavesWhenItsContextEndsAndTheOthersStay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, began := newEngine(1, 10, 10*time.Millisecond), time.Now()
		var wg sync.WaitGroup
		do := func(ctx context.Context, want error, after time.Duration) {
			wg.Go(func() {
				if err := e.line.Do(ctx, new(int)); !errors.Is(err, want) || time.Since(began) != after {
					t.Errorf("%v after %v, not %v after %v", err, time.Since(began), want, after)
				}
			})
			synctest.Wait()
		}
		within := func(d time.Duration) context.Context {
			ctx, cancel := context.WithTimeout(t.Context(), d)
			t.Cleanup(cancel)
			return ctx
		}
		do(t.Context(), nil, 10*time.Millisecond)
		do(within(5*time.Millisecond), context.DeadlineExceeded, 5*time.Millisecond)   // in line
		do(within(15*time.Millisecond), context.DeadlineExceeded, 15*time.Millisecond) // on its way
		do(within(time.Second), nil, 20*time.Millisecond)
		wg.Wait()
		if !slices.Equal(e.groups, []int{1, 2}) {
			t.Errorf("groups of %v", e.groups)
		}
	})
}

// TestAGroupEndsWithItsLastCaller: its context ends too, so it uses no
// resources for nobody.
func TestAGroupEndsWithItsLastCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var line group.Line[*int]
		var ended []time.Duration
		began := time.Now()
		line.Width, line.Most = 1, 10
		line.Send = func(ctx context.Context, all []*int) {
			if len(all) == 1 {
				time.Sleep(time.Millisecond)
				return
			}
			<-ctx.Done()
			ended = append(ended, time.Since(began))
		}
		var wg sync.WaitGroup
		for i := range 4 {
			ctx, cancel := context.WithCancel(t.Context()) // without a deadline
			time.AfterFunc(time.Duration(2+i)*time.Millisecond, cancel)
			wg.Go(func() { _ = line.Do(ctx, new(int)) })
			synctest.Wait()
		}
		wg.Wait()
		synctest.Wait()
		if !slices.Equal(ended, []time.Duration{5 * time.Millisecond}) {
			t.Errorf("the group ended after %v", ended)
		}
	})
}

func TestAPanicInAGroupLeavesItsCallsAsTheyWere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var line group.Line[*int]
		line.Width, line.Most = 1, 10
		line.Send = func(_ context.Context, all []*int) {
			time.Sleep(time.Millisecond)
			if len(all) > 1 {
				panic("a driver")
			}
			*all[0] = 1
		}
		for range 2 { // the second time finds the line as if nothing had been
			results := make([]int, 5)
			var wg sync.WaitGroup
			for i := range results {
				wg.Go(func() {
					if err := line.Do(t.Context(), &results[i]); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			synctest.Wait()
			slices.Sort(results)
			if !slices.Equal(results, []int{0, 0, 0, 0, 1}) {
				t.Errorf("answers %v", results)
			}
		}
	})
}

func TestAPanicOfACallThatGoesAtOnceIsItsCallers(t *testing.T) {
	t.Parallel()
	var line group.Line[int]
	line.Width, line.Most = 1, 10
	line.Send = func(_ context.Context, all []int) {
		if all[0] == 0 {
			panic("a driver")
		}
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the caller does not see it")
			}
		}()
		_ = line.Do(t.Context(), 0)
	}()
	if err := line.Do(t.Context(), 1); err != nil {
		t.Error(err)
	}
}

// TestManyCallersAtOnce is for the race detector. Every call is made once, and
// some callers leave.
func TestManyCallersAtOnce(t *testing.T) {
	t.Parallel()
	var line group.Line[*atomic.Int64]
	line.Width, line.Most = 2, 16
	line.Send = func(_ context.Context, all []*atomic.Int64) {
		for _, n := range all {
			n.Add(1)
		}
	}
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			for range 200 {
				ctx, cancel := context.WithCancel(t.Context())
				if i%8 == 0 {
					go cancel()
				}
				n := new(atomic.Int64)
				err := line.Do(ctx, n)
				if err == nil && n.Load() != 1 || err != nil && n.Load() > 1 {
					t.Errorf("made %d times, error %v", n.Load(), err)
				}
				cancel()
			}
		})
	}
	wg.Wait()
}
