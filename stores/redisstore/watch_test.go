package redisstore_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/stores/redisstore"
)

// slowServer replies after five milliseconds.
type slowServer struct {
	info func(ctx context.Context) error // called for each INFO
	swap func(n byte) error              // called for each swap of the key that ends with n

	mu    sync.Mutex
	infos int // how many there were
	now   int // how many are running
	most  int // how many were running at once
}

func (s *slowServer) store() *redisstore.Store { return redisstore.NewFunc("orders", s.do) }

func (s *slowServer) do(ctx context.Context, args ...any) (any, error) {
	if len(args) > 4 { // a swap has arguments after its key
		time.Sleep(5 * time.Millisecond)
		key, _ := args[3].(string)
		return "+", s.swap(key[len(key)-1])
	}
	s.count(1)
	defer s.count(-1)
	time.Sleep(5 * time.Millisecond)
	return "maxmemory_policy:noeviction\r\ncluster_enabled:1\r\n", s.info(ctx)
}

func (s *slowServer) count(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.infos += max(n, 0)
	s.now += n
	s.most = max(s.most, s.now)
}

// counted returns how many INFO there were since the last call, and how many at
// once.
func (s *slowServer) counted() (infos, most int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	infos, most = s.infos, s.most
	s.infos, s.most = 0, s.now
	return infos, most
}

// settle makes a swap that is no claim, so it reads no marker.
func settle(ctx context.Context, s *redisstore.Store, n byte) error {
	_, err := s.Swap(ctx, core.Key{31: n}, core.Value{1}, core.Value{2}, time.Minute)
	return err
}

func works(context.Context) error { return nil }

func succeeds(byte) error { return nil }

func TestAfterFailuresOneCallerAsksForINFO(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const rounds, callers = 20, 50
		failure := errors.New("i/o timeout")
		server := &slowServer{info: works, swap: func(byte) error { return failure }}
		s := server.store()
		for range rounds {
			var wg sync.WaitGroup
			for i := range byte(callers) {
				wg.Go(func() {
					if err := settle(t.Context(), s, i); !errors.Is(err, failure) {
						t.Errorf("error %v", err)
					}
				})
			}
			wg.Wait()
		}
		if infos, most := server.counted(); infos > rounds || most > 1 {
			t.Errorf("%d INFO for %d failed swaps, %d of them at once", infos, rounds*callers, most)
		}
	})
}

func TestThoseWhoWaitForAnINFOThatFailsGetItsError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		failure := errors.New("LOADING Redis is loading the dataset in memory")
		server := &slowServer{info: func(context.Context) error { return failure }, swap: succeeds}
		s := server.store()
		began := time.Now()
		var wg sync.WaitGroup
		for i := range byte(50) {
			wg.Go(func() {
				if err := settle(t.Context(), s, i); !errors.Is(err, failure) || !strings.Contains(err.Error(), "wait until the server is ready") {
					t.Errorf("error %v", err)
				}
			})
		}
		wg.Wait()
		if infos, _ := server.counted(); infos != 1 || time.Since(began) != 5*time.Millisecond {
			t.Errorf("%d INFO in %v", infos, time.Since(began))
		}
		server.info = works
		if err := settle(t.Context(), s, 0); err != nil {
			t.Errorf("the next caller: %v", err)
		}
	})
}

// TestACallerThatGivesUpDuringINFOLeavesItToTheNext: its error is its own.
func TestACallerThatGivesUpDuringINFOLeavesItToTheNext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := &slowServer{info: works, swap: succeeds}
		s := server.store()
		brief, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := settle(brief, s, 0); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the first: error %v", err)
			}
		})
		synctest.Wait()
		wg.Go(func() {
			if err := settle(brief, s, 1); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "did not respond in time") {
				t.Errorf("one that waited no longer: error %v", err)
			}
		})
		wg.Go(func() {
			if err := settle(t.Context(), s, 2); err != nil {
				t.Errorf("one that waited longer: error %v", err)
			}
		})
		wg.Wait()
		synctest.Wait()
	})
}

// TestAnINFOThatHangsHoldsNobodyForLong: one node of a cluster may be stalled,
// and the messages of the others still have to be handled.
func TestAnINFOThatHangsHoldsNobodyForLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var hung atomic.Bool
		server := &slowServer{swap: succeeds, info: func(ctx context.Context) error {
			if hung.CompareAndSwap(false, true) {
				<-ctx.Done()
			}
			return ctx.Err()
		}}
		s := server.store()
		within, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		began := time.Now()
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := settle(within, s, 0); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the one that hangs: error %v", err)
			}
		})
		synctest.Wait()
		for i := range byte(50) {
			wg.Go(func() {
				if err := settle(within, s, i+1); err != nil || time.Since(began) > 200*time.Millisecond {
					t.Errorf("behind it: error %v after %v", err, time.Since(began))
				}
			})
		}
		wg.Wait()
	})
}

// TestAnINFOFromBeforeAnErrorDoesNotCount: the error may be the first sign that
// another server has the keys.
func TestAnINFOFromBeforeAnErrorDoesNotCount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		failure := errors.New("connection refused")
		server := &slowServer{info: works, swap: func(n byte) error {
			if n == 9 {
				return failure
			}
			return nil
		}}
		s := server.store()
		if err := settle(t.Context(), s, 0); err != nil {
			t.Fatal(err)
		}
		server.counted()
		time.Sleep(988 * time.Millisecond) // an INFO is due in two milliseconds
		var wg sync.WaitGroup
		wg.Go(func() { // fails after five milliseconds
			if err := settle(t.Context(), s, 9); !errors.Is(err, failure) {
				t.Errorf("error %v", err)
			}
		})
		time.Sleep(3 * time.Millisecond)
		wg.Go(func() {
			if err := settle(t.Context(), s, 1); err != nil {
				t.Errorf("the one that asks for INFO: error %v", err)
			}
		})
		time.Sleep(3 * time.Millisecond)
		if infos, most := server.counted(); infos != 1 || most != 1 {
			t.Fatalf("%d INFO before the error, %d at once", infos, most)
		}
		if err := settle(t.Context(), s, 2); err != nil {
			t.Errorf("after the error: %v", err)
		}
		if infos, most := server.counted(); infos != 1 || most != 1 {
			t.Errorf("%d INFO after the error, %d at once", infos, most)
		}
		wg.Wait()
	})
}
