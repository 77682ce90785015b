package schemes

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"
)

func TestACacheLoadsNothingForAContextThatHasEnded(t *testing.T) {
	t.Parallel()
	c := &cache[int]{now: time.Now}
	loads := 0
	l := loading[int]{load: func(context.Context) (int, time.Time, error) {
		loads++
		return 7, time.Now().Add(time.Hour), nil
	}}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.get(ended, "a", l); !errors.Is(err, context.Canceled) || len(c.entries) != 0 {
		t.Errorf("got %v, and %d entries", err, len(c.entries))
	}
	if _, err := c.entry(nil, "a", time.Hour, nil); err != nil { // somebody is about to fill it
		t.Fatal(err)
	}
	if _, err := c.get(ended, "a", l); !errors.Is(err, context.Canceled) || loads != 0 {
		t.Errorf("got %v after %d loads", err, loads)
	}
	for _, ctx := range []context.Context{t.Context(), ended} { // what is there may be used
		if got, err := c.get(ctx, "a", l); got != 7 || err != nil || loads != 1 {
			t.Errorf("got %d, %v after %d loads", got, err, loads)
		}
	}
}

func TestTheReserveOfASourceIsNotSpentByWhatVerifiedNothing(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	f := newFetches(func() time.Time { return now })
	spendAll := func(source, address string) (n int) {
		for f.spend(source, address) == nil {
			if n++; n > 1000 {
				break
			}
		}
		return n
	}
	f.prove("good")
	if a, b, c := spendAll("a", "bad"), spendAll("a", "good"), spendAll("b", "bad"); a != 30 || b != 30 || c != 30 {
		t.Errorf("%d fetches of what verified nothing, %d of what did, %d for another source; want 30 of each", a, b, c)
	}
	now = now.Add(time.Minute)
	if n := spendAll("a", "bad"); n != 30 {
		t.Errorf("%d in the next minute", n)
	}
	for i := range 1000 {
		now = now.Add(time.Second)
		f.prove("good-" + strconv.Itoa(i))
	}
	if _, ok := f.proven["good-999"]; !ok || len(f.proven) != maxProven {
		t.Errorf("%d are remembered, want %d, the latest among them: %t", len(f.proven), maxProven, ok)
	}
	if _, ok := f.proven["good"]; ok {
		t.Error("the oldest is still remembered")
	}
}
