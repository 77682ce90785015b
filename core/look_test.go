package core //nolint:testpackage // uses helpers that need internals

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestLookShowsWhereAMessageStandsAndChangesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{}, newMapStore())
		look := func() Record {
			t.Helper()
			r, err := b.v.Look(t.Context(), "", "m")
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		if r := look(); r != (Record{}) || !b.store.empty() {
			t.Errorf("an unknown message: %+v, or looking left a record", r)
		}
		at := time.Now().Truncate(time.Second)
		admitted := time.Now()
		d := b.admit(at)
		want := Record{State: Claimed, Since: admitted, Until: admitted.Add(19 * time.Second)}
		r := look()
		if !r.Since.Equal(want.Since) || !r.Until.Equal(want.Until) || r.State != want.State {
			t.Errorf("claimed: %+v, want %+v", r, want)
		}
		time.Sleep(8 * time.Second) // two renewals are due
		if r := look(); !r.Since.Equal(admitted) || r.Until.Before(admitted.Add(22*time.Second)) || r.Until.After(admitted.Add(27*time.Second)) {
			t.Errorf("renewed: %+v, claimed at %v", r, admitted)
		}
		d.Settle(500)
		if r := look(); r.State != Released || !r.Newest.Equal(at) || r.Status != 0 || !r.Since.IsZero() {
			t.Errorf("released: %+v", r)
		}
		b.wantStatus(b.handle(at.Add(9*time.Second), 201), 201, "the retry")
		if r := look(); r.State != Done || r.Status != 201 || !r.Newest.Equal(at.Add(9*time.Second)) || r.WindowEnd.Before(time.Now()) {
			t.Errorf("done: %+v", r)
		}
		b.wantStatus(b.handle(at.Add(10*time.Second), 500), 201, "a redelivery after the looks")
		key, err := b.v.keyOf("", "m")
		if err != nil {
			t.Fatal(err)
		}
		if r, err := b.v.LookKey(t.Context(), key); err != nil || r != look() {
			t.Errorf("by key: %+v %v", r, err)
		}
		if _, err := b.v.Look(t.Context(), "", " m"); err == nil {
			t.Error("an id with a space was accepted")
		}
		if r, err := b.v.Look(t.Context(), "other", "m"); err != nil || r != (Record{}) {
			t.Errorf("another source: %+v %v", r, err)
		}
		b.store.before = func(context.Context, Value) error { return errStoreDown }
		if _, err := b.v.Look(t.Context(), "", "m"); !errors.Is(err, ErrStoreUnavailable) {
			t.Errorf("store down: %v", err)
		}
	})
}
