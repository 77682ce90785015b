package birth_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookonce/hookonce/internal/birth"
)

// mustKnow checks the marker of b, and that the marker can be read back.
func mustKnow(t *testing.T, b *birth.Birth, marker, since time.Time) {
	t.Helper()
	got, ok := birth.Parse(b.Known().Text)
	if !ok || got != marker.UnixMilli() || !b.Since().Equal(since) {
		t.Errorf("the marker is %v and all is known since %v, want %v and %v", time.UnixMilli(got), b.Since(), marker, since)
	}
	if text := b.Known().Text; string(b.Known().Value[:len(text)]) != text {
		t.Errorf("the value %x is not the text %q", b.Known().Value, text)
	}
}

func TestTheFirstLookTakesWhatIsThereOrBeginsNow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var first, second birth.Birth
		if !first.Since().IsZero() || first.Known().Text != "" {
			t.Error("the zero Birth knows a time")
		}
		began := time.Now()
		if !first.Meet(0) {
			t.Error("no marker was to be made")
		}
		mustKnow(t, &first, began, began)
		time.Sleep(time.Hour)
		for range 2 {
			if second.Meet(began.UnixMilli()) {
				t.Error("a marker that was found was to be replaced")
			}
		}
		mustKnow(t, &second, began, began)
	})
}

func TestAFirstLookAtNothingBeginsWithTheStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b birth.Birth
		b.Begin()
		began := time.Now()
		time.Sleep(time.Hour)
		if !b.Meet(0) {
			t.Error("no marker was to be made")
		}
		mustKnow(t, &b, began, began)
		time.Sleep(time.Hour)
		b.Meet(0)
		after := time.Now().Add(birth.Margin)
		mustKnow(t, &b, after, after)
	})
}

func TestALostMarkerBeginsANewLifeAfterTheMargin(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		for name, found := range map[string]int64{
			"none":                      0,
			"one of a restored backup":  began.Add(-time.Hour).UnixMilli(),
			"one a little older, twice": began.Add(-time.Millisecond).UnixMilli(),
		} {
			began := time.Now()
			var b birth.Birth
			b.Meet(began.UnixMilli())
			time.Sleep(time.Minute)
			if !b.Meet(found) {
				t.Errorf("%s: no marker was to be made", name)
			}
			after := time.Now().Add(birth.Margin)
			mustKnow(t, &b, after, after)
			if !b.Meet(found) {
				t.Errorf("%s: no second marker was to be made", name)
			}
			mustKnow(t, &b, after.Add(time.Millisecond), after)
		}
	})
}

func TestAMarkerFromAClockThatIsFarAheadDoesNotRefuseForLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b birth.Birth
		b.Meet(time.Now().UnixMilli())
		ahead := time.Now().Add(24 * time.Hour)
		if b.Meet(ahead.UnixMilli()) {
			t.Error("a later marker was to be replaced")
		}
		mustKnow(t, &b, ahead, time.Now().Add(birth.Margin))
		if !b.Meet(0) { // and a loss after that is still found
			t.Error("no marker was to be made")
		}
		mustKnow(t, &b, ahead.Add(time.Millisecond), time.Now().Add(birth.Margin))
	})
}

func TestParseRefusesWhatIsNoMarker(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{"": true, "1760000000000": true, "0": false, "-1": false, "x": false, "99999999999999999999": false} {
		if _, ok := birth.Parse(text); ok != want {
			t.Errorf("%q: %v", text, ok)
		}
	}
}

func TestOneClaimOfEachIntervalIsDueAndTheFirstAfterAnError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const interval = 10 * time.Millisecond
		var b birth.Birth
		due := func(want bool, what string) {
			t.Helper()
			if b.Due(interval) != want {
				t.Errorf("%s: due is %v", what, !want)
			}
		}
		due(true, "the first")
		due(true, "the second, while nothing is known")
		b.Meet(0)
		due(false, "within the interval")
		time.Sleep(interval - 1)
		due(false, "at its end")
		time.Sleep(time.Nanosecond)
		due(true, "after it")
		due(false, "another one then")
		b.Look()
		due(true, "after an error")
	})
}

// TestOneCallerWritesAMarkerThatManyMiss: the others wait until it is written,
// since they repeat their claims then.
func TestOneCallerWritesAMarkerThatManyMiss(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b birth.Birth
		b.Begin()
		writes := 0
		write := func(_ context.Context, life *birth.Life) error {
			time.Sleep(time.Second)
			if writes++; life != b.Known() {
				t.Error("it writes another marker than the known one")
			}
			return nil
		}
		resolve := func(view birth.View, after time.Duration) func() {
			began := time.Now()
			return func() {
				if err := b.Resolve(t.Context(), view, 0, write); err != nil || time.Since(began) != after {
					t.Errorf("error %v after %v, not %v", err, time.Since(began), after)
				}
			}
		}
		var wg sync.WaitGroup
		before := b.View()
		for range 10 {
			wg.Go(resolve(before, time.Second))
		}
		synctest.Wait()
		// It knows the marker that is being written, and did not find it either.
		wg.Go(resolve(b.View(), time.Second))
		wg.Wait()
		if writes != 1 {
			t.Errorf("%d writes", writes)
		}
		resolve(b.View(), time.Second)() // a loss after that
		if writes != 2 {
			t.Errorf("%d writes after a second loss", writes)
		}
	})
}

// TestAMissBeforeAnotherProcessWroteAMarkerMeansNothing: the caller looked
// before that, and others have found the marker since.
func TestAMissBeforeAnotherProcessWroteAMarkerMeansNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b birth.Birth
		b.Begin()
		write := func(context.Context, *birth.Life) error {
			t.Error("it writes a marker")
			return nil
		}
		before, later := b.View(), time.Now().Add(time.Second)
		for _, found := range []int64{later.UnixMilli(), 0} {
			if err := b.Resolve(t.Context(), before, found, write); err != nil {
				t.Error(err)
			}
			mustKnow(t, &b, later, later)
		}
	})
}

func TestACallerThatWaitsForAMarkerLeavesWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b birth.Birth
		b.Begin()
		var wg sync.WaitGroup
		failure := errors.New("the engine is down")
		wg.Go(func() {
			err := b.Resolve(t.Context(), b.View(), 0, func(context.Context, *birth.Life) error {
				time.Sleep(time.Minute)
				return failure
			})
			if !errors.Is(err, failure) {
				t.Errorf("the one that writes: %v", err)
			}
		})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := b.Resolve(ctx, b.View(), 0, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the one that waits: %v", err)
		}
		wg.Wait()
	})
}
