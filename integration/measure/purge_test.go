package measure_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/stores/sqlstore"
)

// TestPurgeOfALargeTable purges nine of ten million rows, after two purges that find none. It
// measures claims at the same time, and how much space is freed.
func TestPurgeOfALargeTable(t *testing.T) {
	length := 5 * wanted(t)
	rows := 10_000_000
	if text := os.Getenv("HOOKONCE_MEASURE_ROWS"); text != "" {
		var err error
		if rows, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range sqlServers() {
		t.Run(e.name, func(t *testing.T) {
			db := e.start(t)(t, "large")
			s := sqlstore.New("orders", db, e.dialect)
			if err := s.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			lap := func() time.Duration {
				d := time.Since(began)
				began = time.Now()
				return d.Round(10 * time.Millisecond)
			}
			fill := func(from, to int, due string) {
				lap()
				execute(t, db, e.keyless)
				for ; from < to; from += 100_000 {
					execute(t, db, e.fill(from, from+100_000, rows, due))
				}
				execute(t, db, e.keyed)
				e.settle(t, db)
				fmt.Printf("%s: filled in %v: %d MB\n", e.name, lap(), e.size(t, db)>>20)
			}
			fill(0, rows, "1 = 0")
			purge := func(what string, s *sqlstore.Store) {
				lap()
				steps := 0
				n, err := s.Purge(t.Context(), func(sqlstore.Purged) { steps++ })
				if err != nil {
					t.Fatal(err)
				}
				fmt.Printf("%s: %s: %d removed in %v, reported %d times\n", e.name, what, n, lap(), steps)
			}
			purge("nothing is due, the first of a process", s)
			purge("nothing is due, a later one", s)
			execute(t, db, "DROP TABLE hookonce_seen")
			s = sqlstore.New("orders", db, e.dialect)
			if err := s.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			fill(0, rows, e.due(rows))
			before := pace(t, s, after(length))
			done := make(chan struct{})
			during := make(chan result)
			go func() { during <- pace(t, s, done) }()
			purge("nine of ten are due", sqlstore.New("orders", db, e.dialect))
			close(done)
			beside, behind := <-during, pace(t, s, after(length))
			fmt.Printf("%s: claims/s before, beside, after: %s, %s, %s; p50 %s, %s, %s; p99 %s, %s, %s; slowest %s, %s, %s\n", e.name,
				thousands(before.median()), thousands(beside.median()), thousands(behind.median()),
				short(before.percentile(50)), short(beside.percentile(50)), short(behind.percentile(50)),
				short(before.percentile(99)), short(beside.percentile(99)), short(behind.percentile(99)),
				short(before.percentile(100)), short(beside.percentile(100)), short(behind.percentile(100)))
			e.settle(t, db)
			fmt.Printf("%s: purged: %d MB\n", e.name, e.size(t, db)>>20)
			fill(rows, rows+rows/10*9, "1 = 0")
		})
	}
}

// pace claims a thousand times a second, as far as possible.
func pace(t *testing.T, s *sqlstore.Store, done <-chan struct{}) result {
	t.Helper()
	const claimers, pause = 16, 16 * time.Millisecond
	took := make([][]time.Duration, claimers)
	began := time.Now()
	var wg sync.WaitGroup
	for i := range claimers {
		wg.Go(func() {
			for next := time.Now(); ; next = next.Add(pause) {
				select {
				case <-done:
					return
				case <-time.After(time.Until(next)):
				}
				key, value := fresh()
				at := time.Now()
				if got, err := s.Swap(t.Context(), key, core.Value{}, value, ttl); err != nil || got != value {
					t.Errorf("%v, %v", got, err)
					return
				}
				took[i] = append(took[i], time.Since(at))
			}
		})
	}
	wg.Wait()
	all := slices.Concat(took...)
	return result{rate: []float64{float64(len(all)) / time.Since(began).Seconds()}, took: all}
}

// after returns a channel that is closed after d.
func after(d time.Duration) <-chan struct{} {
	done := make(chan struct{})
	time.AfterFunc(d, func() { close(done) })
	return done
}
