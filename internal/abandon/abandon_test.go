package abandon_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookonce/hookonce/internal/abandon"
)

func TestCallsThatDoNotReturnAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls abandon.Calls
		var running atomic.Int64
		returns := make(chan bool)
		hang := func() (int, error) {
			running.Add(1)
			<-returns
			return 1, nil
		}
		call := func(f func() (int, error)) (int, error) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			return abandon.Call(ctx, &calls, f)
		}
		for range 2 { // the second time finds everything as the first one
			for i := range 2 * abandon.Most {
				began := time.Now()
				_, err := call(hang)
				switch took := time.Since(began); {
				case i < abandon.Most && (!errors.Is(err, context.DeadlineExceeded) || took != time.Second):
					t.Fatalf("call %d: %v after %v", i, err, took)
				case i >= abandon.Most && (err == nil || !strings.Contains(err.Error(), "1024 calls") || took != 0):
					t.Fatalf("call %d: %v after %v", i, err, took)
				}
			}
			if n := running.Swap(0); n != abandon.Most {
				t.Errorf("%d calls are running", n)
			}
			close(returns)
			synctest.Wait()
			returns = make(chan bool)
		}
	})
}

// TestCallsWithACallerAreNotBounded: how many there are is the caller's matter.
func TestCallsWithACallerAreNotBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls abandon.Calls
		var wg sync.WaitGroup
		for i := range 2 * abandon.Most {
			wg.Go(func() {
				got, err := abandon.Call(t.Context(), &calls, func() (int, error) {
					time.Sleep(time.Second)
					return i, nil
				})
				if err != nil || got != i {
					t.Errorf("call %d: %d, %v", i, got, err)
				}
			})
		}
		wg.Wait()
	})
}

func TestAClientThatDoesNotReturnNormallyIsAnError(t *testing.T) {
	t.Parallel()
	calls := abandon.Calls{Prefix: "somestore: "}
	for text, f := range map[string]func() (int, error){
		"somestore: the client panicked: no pool": func() (int, error) { panic("no pool") },
		"somestore: the client ended":             func() (int, error) { runtime.Goexit(); return 1, nil },
	} {
		if _, err := abandon.Call(t.Context(), &calls, f); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: error %v", text, err)
		}
	}
}

// TestAnErrorAfterTheEndOfTheContextSaysSo: clients report the end in words of
// their own.
func TestAnErrorAfterTheEndOfTheContextSaysSo(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	var calls abandon.Calls
	_, err := abandon.Call(ctx, &calls, func() (int, error) {
		cancel()
		return 0, errors.New("operation was canceled")
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
