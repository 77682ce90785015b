package main

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookonce/hookonce/core"
)

// database does not change until it is told to: the test is about the cache, on synctest's clock.
type database struct {
	mu      sync.Mutex
	tenants map[string]*tenant
	err     error
	lookups int
}

func (d *database) load(ctx context.Context, name string) (*tenant, error) {
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lookups++
	if d.err != nil {
		return nil, d.err
	}
	return d.tenants[name], nil
}

func TestTenantIsLookedUpOnceAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := &database{tenants: map[string]*tenant{"acme": {"acme", core.Secrets("s")}}}
		c := newCache(time.Minute, slog.New(slog.DiscardHandler), db.load)
		for range 50 {
			for name, want := range db.tenants {
				go func() {
					if got, err := c.find(t.Context(), name); got != want || err != nil {
						t.Errorf("%s: %v, %v", name, got, err)
					}
				}()
			}
			go func() {
				if got, err := c.find(t.Context(), "nobody"); got != nil || err != nil {
					t.Errorf("nobody: %v, %v", got, err)
				}
			}()
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if db.lookups != 2 {
			t.Errorf("%d look-ups of two names", db.lookups)
		}
	})
}

func TestCacheEntriesEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		acme := &tenant{"acme", core.Secrets("s")}
		db := &database{tenants: map[string]*tenant{"acme": acme}}
		c := newCache(time.Minute, slog.New(slog.DiscardHandler), db.load)
		outage := errors.New("outage")
		for _, step := range []struct {
			after   time.Duration
			err     error
			name    string
			want    *tenant
			wantErr error
			lookups int
		}{
			{0, nil, "acme", acme, nil, 1},
			{0, nil, "nobody", nil, nil, 2},
			{unknownFor - time.Second, nil, "nobody", nil, nil, 2},
			{time.Second, outage, "nobody", nil, outage, 3},
			{50 * time.Second, outage, "acme", acme, nil, 3},
			{10 * time.Second, outage, "acme", acme, nil, 4}, // stale, while the database is away
			{retryAfter - time.Second, outage, "acme", acme, nil, 4},
			{staleFor - time.Minute, outage, "acme", acme, nil, 5},
			{time.Minute, outage, "acme", nil, outage, 6}, // too stale
			{0, nil, "acme", acme, nil, 7},
		} {
			time.Sleep(step.after)
			db.err = step.err
			got, err := c.find(t.Context(), step.name)
			if got != step.want || !errors.Is(err, step.wantErr) || db.lookups != step.lookups {
				t.Errorf("%+v: %v, %v after %d look-ups", step, got, err, db.lookups)
			}
		}
	})
}

func TestStrangersDoNotPushTenantsOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := &database{tenants: map[string]*tenant{"acme": {"acme", core.Secrets("s")}}}
		c := newCache(24*time.Hour, slog.New(slog.DiscardHandler), db.load)
		for i := range cacheSize + 100 {
			go func() { _, _ = c.find(t.Context(), strconv.Itoa(i)) }()
		}
		_, _ = c.find(t.Context(), "acme")
		synctest.Wait()
		if len(c.unknown) != cacheSize || len(c.known) != 1 || len(c.lookups) != 0 {
			t.Errorf("%d unknown names, %d tenants, %d look-ups, want %d, 1, 0", len(c.unknown), len(c.known), len(c.lookups), cacheSize)
		}
	})
}

func TestAKnownTenantGoesOnWhileTheDatabaseStalls(t *testing.T) {
	t.Parallel()
	stalled := false
	known := new(tenant)
	c := newCache(time.Nanosecond, slog.New(slog.DiscardHandler), func(ctx context.Context, _ string) (*tenant, error) {
		if !stalled {
			return known, nil
		}
		<-ctx.Done()
		return nil, ctx.Err()
	})
	if _, err := c.find(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	stalled = true
	for range 50 { // a select between two that are ready would be found out
		c.mu.Lock()
		e := c.known["acme"]
		e.next = time.Time{}
		c.known["acme"] = e
		c.mu.Unlock()
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		got, err := c.find(ctx, "acme")
		cancel()
		if got != known || err != nil {
			t.Fatalf("%v, %v", got, err)
		}
	}
}
