package casstore_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/stores/casstore"
	"github.com/hookonce/hookonce/whtest"
)

// memory is an engine with revisions, and with the faults that a pair of functions may have.
type memory struct {
	fault string // empty: none

	mu       sync.Mutex
	items    map[string]item
	order    []string
	revision uint64
	down     bool
	lose     bool
	cached   map[string]item
}

type item struct {
	value    []byte
	revision uint64
	removed  time.Time
}

var errEngine = errors.New("the engine is down")

func (m *memory) engine() casstore.Engine[uint64] {
	return casstore.Engine[uint64]{Get: m.get, Put: m.put}
}

func newMemory(fault string) *memory {
	return &memory{fault: fault, items: map[string]item{}, cached: map[string]item{}}
}

func (m *memory) name(key string) string {
	if m.fault == "short keys" {
		return key[:20]
	}
	return key
}

func (m *memory) get(_ context.Context, key string) ([]byte, uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down && m.fault == "no value when down" {
		return nil, 0, nil
	}
	if m.down {
		return nil, 0, errEngine
	}
	name := m.name(key)
	got := m.live(name)
	if m.fault == "reads from a cache" {
		if old, found := m.cached[name]; found {
			return old.value, old.revision, nil
		}
		m.cached[name] = got
	}
	if m.fault == "C strings" && got.value != nil {
		text, _, _ := strings.Cut(string(got.value), "\x00")
		return []byte(text), got.revision, nil
	}
	return got.value, got.revision, nil
}

// live is the item that has not been removed. The caller holds the lock.
func (m *memory) live(name string) item {
	got, found := m.items[name]
	if !found || !time.Now().Before(got.removed) {
		return item{}
	}
	return got
}

func (m *memory) put(_ context.Context, key string, value []byte, revision uint64, life time.Duration) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down && m.fault == "written when down" {
		return true, nil
	}
	if m.down {
		return false, errEngine
	}
	name := m.name(key)
	now := m.live(name)
	if m.fault == "compares in the client" {
		m.mu.Unlock()
		time.Sleep(100 * time.Microsecond)
		m.mu.Lock()
	}
	same := now.revision == revision
	switch m.fault {
	case "overwrites":
		same = true
	case "creates over a value":
		same = same || revision == 0
	case "set if absent only":
		same = same && now.value == nil
	case "never compares equal":
		same = same && now.value == nil
	case "written whatever happens":
		if !same {
			return true, nil
		}
	}
	if !same {
		return false, nil
	}
	m.revision++
	removed := time.Now().Add(life)
	switch m.fault {
	case "milliseconds for seconds":
		removed = time.Now().Add(life / 1000)
	case "keeps the first life":
		if now.value != nil {
			removed = now.removed
		}
	}
	m.items[name] = item{append([]byte{}, value...), m.revision, removed}
	m.order = append(m.order, name)
	if m.fault == "evicts" && len(m.order) > 1000 {
		delete(m.items, m.order[0])
		m.order = m.order[1:]
	}
	if m.lose {
		m.lose = false
		return false, errEngine
	}
	return true, nil
}

// set changes the engine of a store.
func (m *memory) set(change func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change()
}

// suite runs whtest's suite on stores over such engines. grain is the life of records, long enough
// for the engine's expiry to matter, which is two seconds later than the record's.
func suite(t *testing.T, fault string, grain time.Duration) {
	t.Helper()
	var last *memory // the subtests run one after the other
	stop := func(testing.TB, core.SeenStore) (start func()) {
		m := last
		m.set(func() { m.down = true })
		return func() { m.set(func() { m.down = false }) }
	}
	whtest.TestSeenStore(t,
		func(testing.TB) core.SeenStore {
			last = newMemory(fault)
			return casstore.New("orders", last.engine())
		},
		whtest.StoreGrain(grain), whtest.StoreBreak(stop), whtest.StoreRestart(stop),
		whtest.StoreLoseReply(func(testing.TB, core.SeenStore) { m := last; m.set(func() { m.lose = true }) }),
		whtest.StoreForget(func(testing.TB, core.SeenStore) {
			m := last
			m.set(func() { clear(m.items) })
			time.Sleep(time.Second) // the interval of checks
		}),
	)
}

func TestStoreKeepsTheContract(t *testing.T) {
	t.Parallel()
	suite(t, "", 0)
}

// envFault makes TestBrokenEngine run the suite on a broken engine, which fails
// the process.
const envFault = "CASSTORE_FAULT"

func TestBrokenEngine(t *testing.T) {
	if fault := os.Getenv(envFault); fault != "" {
		grain := time.Duration(0)
		if fault == "keeps the first life" {
			grain = 3 * time.Second
		}
		suite(t, fault, grain)
	}
}

// TestSuiteCatchesBrokenEngines runs the case of the suite that must find the fault, in its own
// process, and Check, which finds the faults that show at start-up.
func TestSuiteCatchesBrokenEngines(t *testing.T) {
	t.Parallel()
	for fault, by := range map[string]struct{ suite, check string }{
		"overwrites":               {"one winner", "with the zero revision replaced an existing value"},
		"creates over a value":     {"one winner", "with the zero revision replaced an existing value"},
		"compares in the client":   {"one winner", ""},
		"written whatever happens": {"one winner", "with the zero revision replaced an existing value"},
		"set if absent only":       {"one takeover", "newest revision did not write"},
		"never compares equal":     {"fencing", "without -C"},
		"reads from a cache":       {"linearizable", "read from the primary"},
		"C strings":                {"values come back unchanged", "write bytes unchanged"},
		"short keys":               {"any 32 bytes are a key", ""},
		"milliseconds for seconds": {"a record lives for its ttl", ""},
		"keeps the first life":     {"a swap lengthens the life", ""},
		"evicts":                   {"no record is lost among many", ""},
		"no value when down":       {"engine down and back", ""},
		"written when down":        {"engine down and back", ""},
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			name := strings.ReplaceAll(by.suite, " ", "_")
			cmd := exec.Command(os.Args[0], "-test.run", "^TestBrokenEngine$/^"+name+"$")
			cmd.Env = append(os.Environ(), envFault+"="+fault)
			out, err := cmd.CombinedOutput()
			failed := regexp.MustCompile(`(?m)^ +--- FAIL: TestBrokenEngine/` + name + ` `)
			if err == nil || !failed.Match(out) {
				t.Errorf("the case %q does not catch it: %v\n%s", by.suite, err, out)
			}
			err = casstore.New("orders", newMemory(fault).engine()).Check(t.Context())
			if by.check == "" && err != nil || by.check != "" && (err == nil || !strings.Contains(err.Error(), by.check)) {
				t.Errorf("Check: %v, want %q", err, by.check)
			}
		})
	}
}

func TestCheckPassesAnEngineThatCompares(t *testing.T) {
	t.Parallel()
	m := newMemory("")
	s := casstore.New("orders", m.engine())
	for range 2 {
		if err := s.Check(t.Context()); err != nil {
			t.Error(err)
		}
	}
	m.down = true
	if err := s.Check(t.Context()); !errors.Is(err, errEngine) {
		t.Errorf("with the engine down: %v", err)
	}
}

// TestTheValueSaysWhenItIsOver uses an engine that never removes anything.
func TestTheValueSaysWhenItIsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("")
		put := func(ctx context.Context, key string, value []byte, revision uint64, _ time.Duration) (bool, error) {
			return m.put(ctx, key, value, revision, 24*time.Hour)
		}
		s := casstore.New("orders", casstore.Engine[uint64]{Get: m.get, Put: put})
		key, first, second := core.Key{1}, core.Value{1}, core.Value{2}
		const ttl = 1500 * time.Millisecond
		mustSwap(t, s, key, core.Value{}, first, ttl, first)
		time.Sleep(ttl)
		mustSwap(t, s, key, core.Value{}, second, ttl, first) // rounded up: it is still there
		time.Sleep(2 * time.Millisecond)
		mustSwap(t, s, key, first, second, ttl, core.Value{})
		mustSwap(t, s, key, core.Value{}, second, ttl, second) // over the old one, whose revision is not zero
	})
}

func mustSwap(t *testing.T, s core.SeenStore, key core.Key, old, next core.Value, ttl time.Duration, want core.Value) {
	t.Helper()
	if got, err := s.Swap(t.Context(), key, old, next, ttl); got != want || err != nil {
		t.Errorf("Swap: %x, %v, want %x", got[:2], err, want[:2])
	}
}

func TestTheEngineMayCountInSeconds(t *testing.T) {
	t.Parallel()
	for ttl, want := range map[time.Duration]time.Duration{
		time.Millisecond:             3 * time.Second,
		time.Second:                  3 * time.Second,
		1001 * time.Millisecond:      4 * time.Second,
		25 * time.Hour:               25*time.Hour + 2*time.Second,
		time.Duration(math.MaxInt64): 200*365*24*time.Hour + 2*time.Second,
	} {
		m := newMemory("")
		var got time.Duration
		s := casstore.New("orders", casstore.Engine[uint64]{Get: m.get, Put: func(ctx context.Context, key string, value []byte, revision uint64, life time.Duration) (bool, error) {
			got = life
			return m.put(ctx, key, value, revision, life)
		}})
		mustSwap(t, s, core.Key{}, core.Value{}, core.Value{1}, ttl, core.Value{1})
		if got != want {
			t.Errorf("for a record of %v the engine is told %v, want %v", ttl, got, want)
		}
	}
}

// TestAnAbsentKeyMayHaveARevision is for engines that mark what they removed:
// its revision is not zero.
func TestAnAbsentKeyMayHaveARevision(t *testing.T) {
	t.Parallel()
	m := newMemory("")
	s := casstore.New("orders", m.engine())
	mustSwap(t, s, core.Key{}, core.Value{}, core.Value{1}, time.Hour, core.Value{1})
	for name, i := range m.items {
		m.items[name] = item{nil, i.revision, i.removed}
	}
	mustSwap(t, s, core.Key{}, core.Value{1}, core.Value{2}, time.Hour, core.Value{})
	mustSwap(t, s, core.Key{}, core.Value{}, core.Value{2}, time.Hour, core.Value{2})
}

// TestKeysAreWhatEveryEngineTakes checks the alphabet and the length.
func TestKeysAreWhatEveryEngineTakes(t *testing.T) {
	t.Parallel()
	m := newMemory("")
	mustSwap(t, casstore.New("eu-1_Orders", m.engine()), core.Key{31: 0xff}, core.Value{}, core.Value{1}, time.Hour, core.Value{1})
	want := "eu-1_Orders." + strings.Repeat("00", 31) + "ff"
	if _, found := m.items[want]; !found || len(m.items) != 2 { // and the marker
		t.Errorf("keys are %v, want %s", m.items, want)
	}
	for key := range m.items {
		if !regexp.MustCompile(`^eu-1_Orders\.[0-9a-f]{64}$`).MatchString(key) {
			t.Errorf("a key is %s", key)
		}
	}
}

// TestTheMarkerIsRenewed: it lives for 25 days in the engine.
func TestTheMarkerIsRenewed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("")
		s := casstore.New("orders", m.engine())
		claim := func(n byte) {
			t.Helper()
			mustSwap(t, s, core.Key{n}, core.Value{}, core.Value{1}, time.Hour, core.Value{1})
		}
		claim(0)
		since := s.KnownSince()
		for day := range byte(100) {
			time.Sleep(24 * time.Hour)
			claim(day + 1)
			if day == 50 { // an error in between
				m.set(func() { m.down = true })
				_, _ = s.Swap(t.Context(), core.Key{}, core.Value{}, core.Value{1}, time.Hour)
				m.set(func() { m.down = false })
			}
		}
		if got := s.KnownSince(); !got.Equal(since) || since.IsZero() {
			t.Errorf("all is known since %v, not %v", got, since)
		}
		other := casstore.New("orders", m.engine())
		mustSwap(t, other, core.Key{255}, core.Value{}, core.Value{1}, time.Hour, core.Value{1})
		if got := other.KnownSince(); !got.Equal(since.Truncate(time.Millisecond)) {
			t.Errorf("the next process knows all since %v, not %v", got, since)
		}
		time.Sleep(26 * 24 * time.Hour) // nobody claims
		claim(254)
		if got := s.KnownSince(); !got.After(since) {
			t.Errorf("without the marker all is still known since %v", got)
		}
	})
}

// TestAnEngineThatForgotInACrash is memcached's case: the crash is an error, after which the store
// looks at once.
func TestAnEngineThatForgotInACrash(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("")
		s := casstore.New("orders", m.engine())
		mustSwap(t, s, core.Key{}, core.Value{}, core.Value{1}, time.Hour, core.Value{1})
		m.set(func() { m.down = true })
		if _, err := s.Swap(t.Context(), core.Key{1}, core.Value{}, core.Value{1}, time.Hour); err == nil {
			t.Fatal("the engine is down, and a claim was made")
		}
		m.set(func() { m.down = false; clear(m.items) })
		crashed := time.Now()
		mustSwap(t, s, core.Key{}, core.Value{}, core.Value{2}, time.Hour, core.Value{2})
		if !s.KnownSince().After(crashed) {
			t.Errorf("all is known since %v", s.KnownSince())
		}
	})
}

func TestWhatIsNoRecordIsAnError(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "text", strings.Repeat("x", 47), strings.Repeat("x", 49)} {
		m := newMemory("")
		if _, err := m.put(t.Context(), "orders."+strings.Repeat("00", 32), []byte(text), 0, time.Hour); err != nil {
			t.Fatal(err)
		}
		_, err := casstore.New("orders", m.engine()).Swap(t.Context(), core.Key{}, core.Value{}, core.Value{1}, time.Hour)
		if err == nil || !strings.Contains(err.Error(), fmt.Sprint(len(text), " bytes")) || strings.Contains(err.Error(), "xx") {
			t.Errorf("%d bytes: %v", len(text), err)
		}
	}
}

func TestErrorsOfTheEngineKeepTheirMeaning(t *testing.T) {
	t.Parallel()
	full := func(context.Context, string, []byte, int, time.Duration) (bool, error) {
		return false, fmt.Errorf("%w: quota exceeded", core.ErrStoreFull)
	}
	none := func(context.Context, string) ([]byte, int, error) { return nil, 0, nil }
	panics := func(context.Context, string) ([]byte, int, error) { panic("no pool") }
	lost := func(context.Context, string, []byte, int, time.Duration) (bool, error) { return false, nil }
	says := func(err error) bool { return strings.Contains(err.Error(), "no room") }
	noRoom := func(context.Context, string, []byte, int, time.Duration) (bool, error) {
		return false, errors.New("no room")
	}
	down := func(context.Context, string, []byte, int, time.Duration) (bool, error) { return false, errEngine }
	for name, tt := range map[string]struct {
		engine casstore.Engine[int]
		old    core.Value
		is     error
		says   string
	}{
		"full":               {casstore.Engine[int]{Get: none, Put: full}, core.Value{}, core.ErrStoreFull, "writing the marker"},
		"full, says Full":    {casstore.Engine[int]{Get: none, Put: noRoom, Full: says}, core.Value{}, core.ErrStoreFull, "shorten"},
		"not full":           {casstore.Engine[int]{Get: none, Put: down, Full: says}, core.Value{}, errEngine, "writing the marker"},
		"a client panics":    {casstore.Engine[int]{Get: panics, Put: full}, core.Value{1}, nil, "no pool"},
		"writes never match": {casstore.Engine[int]{Get: none, Put: lost}, core.Value{}, nil, "without -C"},
	} {
		_, err := casstore.New("orders", tt.engine).Swap(t.Context(), core.Key{}, tt.old, core.Value{2}, time.Hour)
		if err == nil || tt.is != nil && !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.says) ||
			errors.Is(err, core.ErrStoreFull) != errors.Is(tt.is, core.ErrStoreFull) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAClientThatIgnoresItsContextHoldsNobody: and it does not write for callers that are gone.
func TestAClientThatIgnoresItsContextHoldsNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		wrote := false
		s := casstore.New("orders", casstore.Engine[int]{
			Get: func(context.Context, string) ([]byte, int, error) {
				time.Sleep(time.Hour)
				return nil, 0, nil
			},
			Put: func(context.Context, string, []byte, int, time.Duration) (bool, error) {
				if wrote {
					t.Error("it wrote after the deadline")
				}
				wrote = true
				return false, nil
			},
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		_, err := s.Swap(ctx, core.Key{}, core.Value{}, core.Value{1}, time.Hour)
		if took := time.Since(began); took != time.Second || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "did not respond in time") {
			t.Errorf("after %v: %v", took, err)
		}
		time.Sleep(2 * time.Hour)
	})
}

// TestACancelledCallIsNotATimeout: its error must not send anybody to look for a stalled engine.
func TestACancelledCallIsNotATimeout(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := casstore.New("orders", casstore.Engine[int]{
		Get: func(context.Context, string) ([]byte, int, error) {
			cancel()
			return nil, 0, ctx.Err()
		},
		Put: func(context.Context, string, []byte, int, time.Duration) (bool, error) { return false, nil },
	})
	_, err := s.Swap(ctx, core.Key{}, core.Value{}, core.Value{1}, time.Hour)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "was cancelled") || strings.Contains(err.Error(), "in time") {
		t.Errorf("error %v", err)
	}
}

// TestCallsThatNeverReturnAreBounded: a client without timeouts would otherwise use more memory
// with each request.
func TestCallsThatNeverReturnAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var running atomic.Int64
		end := make(chan bool)
		s := casstore.New("orders", casstore.Engine[int]{
			Get: func(context.Context, string) ([]byte, int, error) {
				running.Add(1)
				<-end
				return nil, 0, nil
			},
			Put: func(context.Context, string, []byte, int, time.Duration) (bool, error) { return false, nil },
		})
		var err error
		for range 2000 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err = s.Swap(ctx, core.Key{}, core.Value{1}, core.Value{2}, time.Minute)
			cancel()
		}
		if n := running.Load(); n > 1024 || err == nil || !strings.HasPrefix(err.Error(), "casstore: 1024 calls of the client have not returned") {
			t.Errorf("%d calls are running, error %v", n, err)
		}
		close(end)
	})
}

func TestStoresThatAreMadeWrongly(t *testing.T) {
	t.Parallel()
	right := newMemory("").engine()
	for name, s := range map[string]*casstore.Store{
		"no namespace":           casstore.New("", right),
		"a dot in the namespace": casstore.New("eu.orders", right),
		"a space":                casstore.New("eu orders", right),
		"no ASCII":               casstore.New("größe", right),
		"too long a namespace":   casstore.New(strings.Repeat("a", 65), right),
		"no Get":                 casstore.New("orders", casstore.Engine[uint64]{Put: right.Put}),
		"no Put":                 casstore.New("orders", casstore.Engine[uint64]{Get: right.Get}),
		"the zero Store":         {},
	} {
		if _, err := core.New(core.Secrets(core.GenerateSecret()), s, nil); !errors.Is(err, core.ErrMisconfigured) {
			t.Errorf("%s: core.New: %v", name, err)
		}
		if err := s.Check(t.Context()); err == nil {
			t.Errorf("%s: Check finds nothing", name)
		}
		if _, err := s.Swap(t.Context(), core.Key{}, core.Value{}, core.Value{1}, time.Hour); err == nil {
			t.Errorf("%s: Swap works", name)
		}
	}
	s := casstore.New("orders", right)
	for i := range 2 {
		if _, err := core.New(core.Secrets(core.GenerateSecret()), s, nil); (err == nil) != (i == 0) {
			t.Errorf("verifier %d on one store: %v", i+1, err)
		}
	}
}
