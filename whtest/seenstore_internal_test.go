package whtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
)

// mapStore is the simplest store that keeps the contract. It can break the contract in many ways.
type mapStore struct {
	// fault is the way in which it is broken. Empty: it is not broken.
	fault string
	data  *mapData
	down  *bool // the engine fails
	lose  *bool // the next reply is lost
	life  *mapLife
}

// mapLife is the state of a store for the expiry of its records.
type mapLife struct {
	marker, since time.Time
	passed        bool // over one swap without a look
}

type mapData struct {
	sync.Mutex
	records map[string]mapRecord
	order   []string // of insertion, for lossy
	marker  time.Time
}

type mapRecord struct {
	value   core.Value
	expires time.Time
}

func newMapStore(fault string) *mapStore {
	return &mapStore{fault: fault, data: &mapData{records: map[string]mapRecord{}}, down: new(bool), lose: new(bool), life: new(mapLife)}
}

var errEngine = errors.New("the engine is down")

func (s *mapStore) Swap(ctx context.Context, key core.Key, old, next core.Value, ttl time.Duration) (core.Value, error) {
	if err := ctx.Err(); err != nil && s.fault != "ignores context" {
		return none, err
	}
	s.data.Lock()
	defer s.data.Unlock()
	if *s.down && s.fault != "guesses when down" {
		return none, errEngine
	} else if *s.down {
		return none, nil
	}
	late := s.fault == "notices a loss late" && s.data.marker.IsZero() && !s.life.marker.IsZero() && !s.life.passed
	if s.life.passed = late; !late && (s.fault != "notices no loss" || s.life.marker.IsZero()) {
		s.look()
	}
	name := string(key[:])
	switch s.fault {
	case "truncated key":
		name = name[:16]
	case "C-string key":
		name, _, _ = strings.Cut(name, "\x00")
	case "key without case":
		name = strings.ToLower(name)
	case "mute":
		if r, found := s.data.records[name]; found && r.value != old {
			return old, nil
		}
	case "short ttl":
		ttl -= ttl / 10
	case "long ttl":
		ttl += 200 * time.Millisecond
	case "overflowing ttl":
		ttl = time.Duration(int32(ttl/time.Second*1000)) * time.Millisecond
	case "whole seconds, rounded down":
		ttl = ttl.Truncate(time.Second)
	}

	r, found := s.data.records[name]
	live := found && time.Now().Before(r.expires)
	if s.fault == "expired still matches" && found && r.value == old {
		live = true
	}
	if s.fault == "torn" {
		s.data.Unlock()
		runtime.Gosched()
		time.Sleep(time.Microsecond)
		s.data.Lock()
	}
	if s.fault == "stale" && live && next[39]%16 == 0 && old != r.value {
		return old, nil // an answer from a replica
	}
	if !live {
		r = mapRecord{}
	}
	same := r.value == old
	switch s.fault {
	case "token-only compare":
		same = bytes.Equal(r.value[32:], old[32:])
	case "unfenced":
		same = same || live && old != none
	case "always create":
		same = same || !live
	case "set if absent only":
		same = same && !live
	}
	if r.value == next {
		if s.fault == "repeat is an error" {
			return none, errEngine
		}
		return next, nil
	}
	if !same {
		if s.fault == "loser renews" && live {
			s.data.records[name] = mapRecord{r.value, time.Now().Add(ttl)}
		}
		return r.value, nil
	}
	expires := time.Now().Add(ttl)
	if live && (s.fault == "keeps old ttl" || s.fault == "keeps the longer ttl" && expires.Before(r.expires)) {
		expires = r.expires
	}
	stored := next
	if s.fault == "trims values" {
		stored = core.Value{}
		copy(stored[:], bytes.TrimRight(next[:], " "))
	}
	s.data.records[name] = mapRecord{stored, expires}
	if s.fault == "lossy" {
		if s.data.order = append(s.data.order, name); len(s.data.order) > 1000 {
			delete(s.data.records, s.data.order[0])
			s.data.order = s.data.order[1:]
		}
	}
	if *s.lose {
		*s.lose = false
		if s.fault == "guesses when lost" {
			return r.value, nil
		}
		return none, errEngine
	}
	return next, nil
}

// look notices whether the records are still those that the store knows. The caller holds the lock.
func (s *mapStore) look() {
	if s.data.marker.IsZero() {
		s.data.marker = time.Now()
	}
	if !s.data.marker.Equal(s.life.marker) || s.fault == "takes each swap for a loss" {
		s.life.marker, s.life.since = s.data.marker, time.Now()
	}
}

func (s *mapStore) KnownSince() time.Time {
	s.data.Lock()
	defer s.data.Unlock()
	switch s.fault {
	case "never knows since when":
		return time.Time{}
	case "knows only the future":
		return s.life.since.Add(time.Hour)
	}
	return s.life.since
}

// mapOptions returns options with which every case can run.
func mapOptions() storeOptions {
	of := func(s core.SeenStore) *mapStore {
		m, _ := s.(*mapStore)
		return m
	}
	set := func(s core.SeenStore, flag func(*mapStore) *bool, on bool) {
		m := of(s)
		m.data.Lock()
		defer m.data.Unlock()
		*flag(m) = on
	}
	return storeOptions{
		stop: func(_ testing.TB, s core.SeenStore) func() {
			down := func(m *mapStore) *bool { return m.down }
			set(s, down, of(s).fault != "only the client restarts")
			return func() {
				if of(s).fault == "in memory" {
					clear(of(s).data.records)
				}
				set(s, down, false)
			}
		},
		breakIt: func(_ testing.TB, s core.SeenStore) func() {
			down := func(m *mapStore) *bool { return m.down }
			set(s, down, true)
			return func() { set(s, down, false) }
		},
		forget: func(_ testing.TB, s core.SeenStore) {
			d := of(s).data
			d.Lock()
			defer d.Unlock()
			clear(d.records)
			d.marker = time.Time{}
		},
		loseReply: func(_ testing.TB, s core.SeenStore) {
			set(s, func(m *mapStore) *bool { return m.lose }, true)
		},
	}
}

// recorder is a testing.TB that records failures and does not fail the test.
type recorder struct {
	testing.TB

	mu              sync.Mutex
	failed, skipped bool
	log             strings.Builder
}

func (r *recorder) Logf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(&r.log, format+"\n", args...)
}

func (r *recorder) Errorf(format string, args ...any) {
	r.Logf(format, args...)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = true
}

func (r *recorder) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Fatal(args ...any) { r.Fatalf("%s", fmt.Sprintln(args...)) }
func (r *recorder) Error(args ...any) { r.Errorf("%s", fmt.Sprintln(args...)) }

func (r *recorder) Skip(...any) {
	r.mu.Lock()
	r.skipped = true
	r.mu.Unlock()
	runtime.Goexit()
}

// record runs one case on a store with a fault and returns the outcome.
func record(t *testing.T, c storeCase, fault string) *recorder {
	t.Helper()
	return recordStore(t, c, newMapStore(fault), mapOptions())
}

func recordStore(t *testing.T, c storeCase, s core.SeenStore, o storeOptions) *recorder {
	t.Helper()
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() { // Fatalf and Skip end the goroutine
		defer close(done)
		c.check(r, func(testing.TB) core.SeenStore { return s }, o)
	}()
	<-done
	return r
}

func TestSeenStoreSuitePassesACorrectStore(t *testing.T) {
	t.Parallel()
	for _, c := range storeCases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := record(t, c, "")
			server := c.name == "opened again on the same data" // which this store has
			if r.Failed() || r.skipped != server {
				t.Errorf("failed %v, skipped %v:\n%s", r.Failed(), r.skipped, r.log.String())
			}
		})
	}
}

func TestSeenStoreSuiteCatches(t *testing.T) {
	t.Parallel()
	cases := storeCases()
	for fault, by := range map[string]string{
		"torn":                        "one winner",
		"always create":               "no write where the expected record is gone",
		"set if absent only":          "one takeover",
		"unfenced":                    "fencing",
		"token-only compare":          "all bytes are compared",
		"mute":                        "one winner",
		"repeat is an error":          "idempotence",
		"trims values":                "values come back unchanged",
		"truncated key":               "any 32 bytes are a key",
		"C-string key":                "any 32 bytes are a key",
		"key without case":            "any 32 bytes are a key",
		"short ttl":                   "a record lives for its ttl",
		"long ttl":                    "a record lives for its ttl",
		"whole seconds, rounded down": "a record lives for its ttl",
		"keeps old ttl":               "a swap lengthens the life",
		"keeps the longer ttl":        "a swap shortens the life",
		"loser renews":                "a swap that does not happen leaves the life alone",
		"expired still matches":       "an expired record matches nothing",
		"overflowing ttl":             "a long ttl does not overflow",
		"lossy":                       "no record is lost among many",
		"stale":                       "linearizable",
		"ignores context":             "a context that ended is an error",
		"guesses when lost":           "a lost reply",
		"guesses when down":           "engine down and back",
		"in memory":                   "restart on the same data",
		"notices no loss":             "records that are gone",
		"notices a loss late":         "records that are gone",
		"takes each swap for a loss":  "records that are gone",
		"never knows since when":      "records that are gone",
		"knows only the future":       "records that are gone",
		"only the client restarts":    "restart on the same data",
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			i := slices.IndexFunc(cases, func(c storeCase) bool { return c.name == by })
			if i < 0 {
				t.Fatalf("there is no case %q", by)
			}
			r := record(t, cases[i], fault)
			for range 2 { // a busy machine hides a life that is too short
				if r.Failed() {
					break
				}
				r = record(t, cases[i], fault)
			}
			if !r.Failed() {
				t.Errorf("%q does not catch it", by)
			}
			if !strings.Contains(r.log.String(), cases[i].explanation) {
				t.Errorf("the failure does not explain the rule:\n%s", r.log.String())
			}
			t.Logf("%s", r.log.String())
		})
	}
}

func TestSeenStoreSuitePassesASecondTimeOnOneEngine(t *testing.T) {
	t.Parallel()
	for _, c := range storeCases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			first := newMapStore("") // for each case its own: one of them empties the engine
			for run := range 2 {
				again := *first // only the records are shared
				again.down, again.lose, again.life = new(bool), new(bool), new(mapLife)
				if r := recordStore(t, c, &again, mapOptions()); r.Failed() {
					t.Errorf("run %d:\n%s", run+1, r.log.String())
				}
			}
		})
	}
}

func TestAnotherClientDoesNotCountAsAServerRestart(t *testing.T) {
	t.Parallel()
	cases := storeCases()
	named := func(name string) storeCase {
		return cases[slices.IndexFunc(cases, func(c storeCase) bool { return c.name == name })]
	}
	for name, tt := range map[string]struct {
		caseName        string
		forgets, server bool
		says            string
		skipped         bool
	}{
		"a program that keeps its data":                {caseName: "opened again on the same data"},
		"a program that forgets its data":              {caseName: "opened again on the same data", forgets: true, says: "the live value is none"},
		"a program is not a server":                    {caseName: "restart on the same data", skipped: true},
		"a client of a server that keeps running":      {caseName: "restart on the same data", server: true, says: "use StoreRestart"},
		"a client of a server that forgets everything": {caseName: "restart on the same data", server: true, forgets: true, says: "use StoreRestart"},
	} {
		options := storeOptions{reopen: func(_ testing.TB, s core.SeenStore) core.SeenStore {
			again := *s.(*mapStore) //nolint:errcheck // what the test made
			if tt.forgets {
				again.data = newMapStore("").data
			}
			return &again
		}}
		if tt.server {
			options.loseReply = mapOptions().loseReply
		}
		r := recordStore(t, named(tt.caseName), newMapStore(""), options)
		if r.Failed() != (tt.says != "") || !strings.Contains(r.log.String(), tt.says) || r.skipped != tt.skipped {
			t.Errorf("%s: failed %v, skipped %v:\n%s", name, r.Failed(), r.skipped, r.log.String())
		}
	}
}

func TestTheWholeProtocolNeedsAWorkingStore(t *testing.T) {
	t.Parallel()
	cases := storeCases()
	last := cases[len(cases)-1]
	for _, fault := range []string{"set if absent only", "mute", "guesses when lost"} {
		if r := record(t, last, fault); r.Failed() != (fault != "guesses when lost") {
			t.Errorf("%s: failed %v\n%s", fault, r.Failed(), r.log.String())
		}
	}
}

func TestCheckHistory(t *testing.T) {
	t.Parallel()
	v := func(b byte) core.Value {
		if b == 0 {
			return none
		}
		return core.Value{0: b}
	}
	op := func(called, returned int, old, next, got byte) storeOp {
		at := func(n int) time.Time { return time.Unix(int64(n), 0) }
		return storeOp{at(called), at(returned), v(old), v(next), v(got)}
	}
	for name, c := range map[string]struct {
		history []storeOp
		want    string
	}{
		"one after the other":             {[]storeOp{op(1, 2, 0, 1, 1), op(3, 4, 1, 2, 2), op(5, 6, 1, 3, 2)}, ""},
		"overlapping, seen before return": {[]storeOp{op(1, 9, 0, 1, 1), op(2, 3, 0, 2, 1)}, ""},
		"two winners":                     {[]storeOp{op(1, 2, 0, 1, 1), op(1, 2, 0, 2, 2)}, "two swaps"},
		"a stale read":                    {[]storeOp{op(1, 2, 0, 1, 1), op(3, 4, 1, 2, 2), op(5, 6, 0, 3, 1)}, "older"},
		"none after a write":              {[]storeOp{op(1, 2, 0, 1, 1), op(3, 4, 9, 2, 0)}, "older"},
		"a read of the future":            {[]storeOp{op(1, 2, 0, 2, 1), op(3, 4, 0, 1, 1)}, "before it was written"},
		"a write from nowhere":            {[]storeOp{op(1, 2, 7, 1, 1)}, "never live"},
		"a reply from nowhere":            {[]storeOp{op(1, 2, 0, 1, 5)}, "no swap wrote"},
		"a swap that should have been":    {[]storeOp{op(1, 2, 0, 1, 0)}, "did not happen"},
	} {
		if got := checkHistory(c.history); c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
