package memstore_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/testmode"
	"github.com/hookonce/hookonce/stores/memstore"
)

const day = 24 * time.Hour

// key returns a key as uniform as a SHA-256. Few share a scope.
func key(i int) core.Key {
	var k core.Key
	for w := range 4 {
		binary.BigEndian.PutUint64(k[8*w:], rand.New(rand.NewPCG(uint64(i), uint64(w))).Uint64())
	}
	return k
}

// value returns a record as core writes it: with the end of its window, handled or only claimed,
// and a unique token.
func value(windowEnd time.Time, handled bool, token uint64) core.Value {
	var v core.Value
	binary.BigEndian.PutUint64(v[:], uint64(windowEnd.UnixMilli()))
	v[8], v[9] = 1, byte(core.Claimed)<<6
	if handled {
		v[9] = byte(core.Done) << 6
	}
	binary.BigEndian.PutUint64(v[32:], token)
	return v
}

func swap(tb testing.TB, s core.SeenStore, k core.Key, old, next core.Value, ttl time.Duration) core.Value {
	tb.Helper()
	got, err := s.Swap(tb.Context(), k, old, next, ttl)
	if err != nil {
		tb.Fatalf("Swap: %v", err)
	}
	return got
}

func add(tb testing.TB, s core.SeenStore, k core.Key, next core.Value, ttl time.Duration) {
	tb.Helper()
	if got := swap(tb, s, k, core.Value{}, next, ttl); got != next {
		tb.Fatalf("a new key has the record %x", got)
	}
}

// peek reads without writing.
func peek(tb testing.TB, s core.SeenStore, k core.Key) core.Value {
	tb.Helper()
	return swap(tb, s, k, core.Value{39: 1}, core.Value{39: 2}, time.Second)
}

func TestAFullStoreRefusesRatherThanForgets(t *testing.T) {
	t.Parallel()
	for name, mine := range map[string]struct {
		handled bool
		end     time.Duration
	}{
		"claimed within the window":     {false, time.Minute},
		"claimed, window over":          {false, -time.Minute},
		"handled, within the window":    {true, time.Minute},
		"handled, window over in a bit": {true, time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := memstore.New(memstore.Capacity(20))
				for i := range 20 {
					add(t, s, key(i), value(time.Now().Add(mine.end), mine.handled, uint64(i)), day)
				}
				_, err := s.Swap(t.Context(), key(20), core.Value{}, value(time.Now(), false, 20), day)
				if !errors.Is(err, core.ErrStoreFull) {
					t.Fatalf("the 21st of 20: %v", err)
				}
				if !strings.Contains(err.Error(), "memstore.Capacity") {
					t.Errorf("the error names no remedy: %v", err)
				}
				for i := range 20 {
					if peek(t, s, key(i)) == (core.Value{}) {
						t.Errorf("record %d was dropped", i)
					}
				}
				if got := s.Stats(); got != (memstore.Stats{Records: 20, Capacity: 20}) {
					t.Errorf("%+v", got)
				}
			})
		})
	}
}

func TestAFullStoreStillSettles(t *testing.T) {
	t.Parallel()
	s := memstore.New(memstore.Capacity(1))
	claimed, done := value(time.Now().Add(time.Hour), false, 1), value(time.Now().Add(time.Hour), true, 2)
	add(t, s, key(1), claimed, day)
	if got := swap(t, s, key(1), claimed, done, day); got != done {
		t.Error("a full store refused to change a record it has")
	}
	if got := swap(t, s, key(1), core.Value{}, claimed, day); got != done {
		t.Error("a full store does not answer for a record it has")
	}
	if got := swap(t, s, key(2), claimed, done, day); got != (core.Value{}) {
		t.Error("a record that is not there was changed")
	}
}

func TestAFullStoreDropsHandledRecordsOldestWindowFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n = 1000
		s := memstore.New(memstore.Capacity(n))
		start := time.Now()
		order := rand.New(rand.NewPCG(1, 2)).Perm(n) // order[i]: when the window of record i ends
		claimed := value(start.Add(time.Hour), false, 1)
		for i := range order {
			add(t, s, key(i), claimed, day)
		}
		for i, at := range order {
			if at%10 != 0 {
				swap(t, s, key(i), claimed, value(start.Add(time.Duration(at)*time.Second), true, 2), day)
			}
		}
		time.Sleep(n / 2 * time.Second)
		dropped := 0
		for at := range n {
			if at%10 == 0 {
				continue
			}
			if at > n/2 {
				break
			}
			add(t, s, key(n+at), value(start.Add(time.Hour), true, 1), day)
			dropped++
			for i, was := range order {
				if i%97 != 0 && was != at && was != at+1 && was != at+2 {
					continue // a sample, and those around the one that must go
				}
				gone, want := peek(t, s, key(i)) == (core.Value{}), was%10 != 0 && was <= at
				if gone != want {
					t.Fatalf("after dropping window %d, the one of %d: gone %v, want %v", at, was, gone, want)
				}
			}
		}
		if got := s.Stats(); got.Dropped != dropped || got.Records != n {
			t.Errorf("%+v, want %d dropped", got, dropped)
		}
		if _, err := s.Swap(t.Context(), key(3*n), core.Value{}, value(start, true, 1), day); !errors.Is(err, core.ErrStoreFull) {
			t.Errorf("with no further window over: %v", err)
		}
	})
}

func TestAFullStoreReusesWhatExpiredBeforeItDrops(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memstore.New(memstore.Capacity(200))
		over := time.Now().Add(-time.Hour)
		for i := range 200 {
			first := value(over, true, 1)
			add(t, s, key(i), first, day)
			if i%2 == 0 {
				swap(t, s, key(i), first, value(over, true, 2), time.Minute)
			}
		}
		time.Sleep(time.Minute)
		for i := range 100 {
			add(t, s, key(1000+i), value(over, true, 1), day)
		}
		if got := s.Stats(); got.Dropped != 0 || got.Records != 200 {
			t.Errorf("%+v: dropped live records while there were expired ones", got)
		}
	})
}

func TestRecordsThatExpireTogetherAreAllGoneAtTheInstant(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memstore.New()
		for i := range 10_000 {
			add(t, s, key(i), core.Value{1}, time.Hour)
		}
		time.Sleep(time.Hour - 1)
		for i := range 10_000 {
			if peek(t, s, key(i)) == (core.Value{}) {
				t.Fatal("a record was gone a nanosecond early")
			}
		}
		time.Sleep(time.Nanosecond)
		for i := range 10_000 {
			if peek(t, s, key(i)) != (core.Value{}) {
				t.Fatal("a record was there at the end of its life")
			}
		}
	})
}

func TestAnExpiredRecordIsNotFoundThoughItIsInMemoryForItsMillisecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memstore.New(memstore.Capacity(1))
		add(t, s, key(1), core.Value{1}, 1500*time.Microsecond)
		time.Sleep(1499 * time.Microsecond)
		if got := peek(t, s, key(1)); got != (core.Value{1}) {
			t.Errorf("before the end it is %x", got)
		}
		time.Sleep(time.Microsecond)
		if _, err := s.Swap(t.Context(), key(2), core.Value{}, core.Value{2}, day); !errors.Is(err, core.ErrStoreFull) {
			t.Errorf("it makes place before its millisecond is over: %v", err)
		}
		if got := peek(t, s, key(1)); got != (core.Value{}) {
			t.Errorf("at the end it is %x", got)
		}
		add(t, s, key(2), core.Value{2}, 500*time.Microsecond)
		time.Sleep(500 * time.Microsecond)
		add(t, s, key(3), core.Value{3}, day)
		if got := s.Stats(); got.Records != 1 || got.Dropped != 0 {
			t.Errorf("%+v", got)
		}
	})
}

func TestEachMessageOfASteadyStreamTakesThePlaceOfAnExpiredOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n = 2000
		s := memstore.New(memstore.Capacity(n + n/5)) // expired records wait for an operation of their shard
		for i := range 10 * n {
			claimed, done := value(time.Now().Add(time.Minute), false, 1), value(time.Now().Add(time.Minute), true, 2)
			add(t, s, key(i), claimed, n*time.Second)
			if got := swap(t, s, key(i), claimed, done, n*time.Second); got != done {
				t.Fatalf("message %d was not committed: %x", i, got)
			}
			if i >= n && peek(t, s, key(i-n)) != (core.Value{}) || i > 0 && peek(t, s, key(max(0, i+1-n))) == (core.Value{}) {
				t.Fatalf("at message %d the records do not end after %d", i, n)
			}
			time.Sleep(time.Second)
		}
		if got := s.Stats(); got.Records > n+n/10 || got.Dropped != 0 {
			t.Errorf("%+v after a stream of which %d live", got, n)
		}
	})
}

func TestExpiredRecordsAndTheirMemoryGo(t *testing.T) { //nolint:paralleltest // measures the memory of the whole process
	synctest.Test(t, func(t *testing.T) {
		before := heap()
		s := memstore.New()
		const n = 100_000
		for i := range n {
			add(t, s, key(i), value(time.Now(), false, 1), time.Hour)
		}
		time.Sleep(time.Hour)
		for i := range n { // each operation removes two expired records of its shard
			peek(t, s, key(n+i))
		}
		if got := s.Stats().Records; got != 0 {
			t.Errorf("%d expired records are left after as many operations as there were records", got)
		}
		// What stays: a page and the smallest index in each of 256 shards.
		if left := int64(heap() - before); left > 256*9<<10 && !testmode.Race {
			t.Errorf("%d KiB are still in use", left>>10)
		}
		runtime.KeepAlive(s)
	})
}

func TestATableUnderRandomUseIsAMap(t *testing.T) {
	t.Parallel()
	type rec struct {
		value   core.Value
		expires time.Time
	}
	for seed := range uint64(4) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 7))
			s := memstore.New(memstore.Capacity(10_000))
			model := map[core.Key]rec{}
			for op := range 60_000 {
				if r.IntN(100) == 0 {
					time.Sleep(time.Duration(r.IntN(1000)) * time.Millisecond)
				}
				k := key(r.IntN(5000))
				was := model[k]
				if !time.Now().Before(was.expires) {
					was = rec{}
				}
				old := was.value
				if r.IntN(4) == 0 {
					old = core.Value{39: 1}
				}
				next := value(time.Now().Add(time.Duration(r.IntN(2000)-1000)*time.Second), r.IntN(2) == 0, uint64(op+1))
				ttl := time.Duration(1 + r.Int64N(int64(time.Minute)))
				if r.IntN(10) == 0 {
					ttl = 1<<63 - 1
				}
				want := was
				if old == was.value {
					want = rec{next, time.Now().Add(min(ttl, 1000*time.Hour))}
				}
				if got := swap(t, s, k, old, next, ttl); got != want.value {
					t.Fatalf("seed %d, operation %d: %x, want %x", seed, op, got, want.value)
				}
				model[k] = want
			}
			live := 0
			for k, want := range model {
				if !time.Now().Before(want.expires) {
					want = rec{}
				} else {
					live++
				}
				if got := peek(t, s, k); got != want.value {
					t.Fatalf("seed %d: %x holds %x, want %x", seed, k[:4], got, want.value)
				}
			}
			if got := s.Stats().Records; got < live {
				t.Errorf("seed %d: %d records counted, %d are live", seed, got, live)
			}
		})
	}
}

func TestTwoStoresAreIndependent(t *testing.T) {
	t.Parallel()
	a, b := memstore.New(), memstore.New()
	add(t, a, key(1), core.Value{1}, time.Hour)
	add(t, b, key(1), core.Value{2}, time.Hour)
	if peek(t, a, key(1)) != (core.Value{1}) || peek(t, b, key(1)) != (core.Value{2}) {
		t.Error("one store sees the other's record")
	}
}

func TestACancelledCallWritesNothing(t *testing.T) {
	t.Parallel()
	s := memstore.New()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Swap(ctx, key(1), core.Value{}, core.Value{1}, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if got := peek(t, s, key(1)); got != (core.Value{}) {
		t.Errorf("wrote %x", got)
	}
}

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func TestOneVerifierAStore(t *testing.T) {
	t.Parallel()
	s := memstore.New()
	if !s.Forgets() {
		t.Error("does not say that it forgets")
	}
	if _, err := core.New(core.Secrets(secret), s, nil); err != nil {
		t.Fatal(err)
	}
	_, err := core.New(core.Secrets(secret), s, nil)
	if !errors.Is(err, core.ErrMisconfigured) || !strings.Contains(err.Error(), ".From(") {
		t.Errorf("a second verifier of the same sender: %v", err)
	}
	if _, err := core.New(core.Secrets(secret).From("billing"), s, nil); err != nil {
		t.Errorf("a second verifier of a named source: %v", err)
	}
	for name, wrong := range map[string]*memstore.Store{
		"memstore.New":   {},
		"Capacity(0)":    memstore.New(memstore.Capacity(0)),
		"Capacity(-1)":   memstore.New(memstore.Capacity(-1)),
		"use 1 to 10737": memstore.New(memstore.Capacity(1<<31 - 1)),
	} {
		if _, err := core.New(core.Secrets(secret), wrong, nil); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestManyCallersKeepTheCount(t *testing.T) {
	t.Parallel()
	const callers, keys, capacity = 8, 2000, 1000
	s := memstore.New(memstore.Capacity(capacity))
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		wins = map[core.Key]int{}
		over = time.Now().Add(-time.Minute)
	)
	for c := range callers {
		wg.Go(func() {
			for i := range keys {
				// Half of the records may be dropped; the others must win once.
				k, next := key(i), value(over, i%4 != 0, uint64(c*keys+i+1))
				got, err := s.Swap(t.Context(), k, core.Value{}, next, day)
				if err != nil {
					t.Error(err)
				} else if got == next {
					mu.Lock()
					wins[k]++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	for i := 0; i < keys; i += 4 {
		if n := wins[key(i)]; n != 1 {
			t.Errorf("an unhandled record was won %d times", n)
		}
		if peek(t, s, key(i)) == (core.Value{}) {
			t.Errorf("an unhandled record was dropped")
		}
	}
	total := 0
	for _, n := range wins {
		total += n
	}
	if got := s.Stats(); got.Records != capacity || got.Dropped != total-capacity {
		t.Errorf("%+v after %d insertions", got, total)
	}
}

func TestCallersThatDropAtOnceDropNoMoreThanTheyMay(t *testing.T) {
	t.Parallel()
	const callers, protected, handled = 8, 500, 500
	for range 20 {
		s := memstore.New(memstore.Capacity(protected + handled))
		for i := range protected + handled {
			end := time.Now().Add(-time.Hour)
			if i < protected {
				end = time.Now().Add(time.Hour)
			}
			add(t, s, key(i), value(end, true, 1), day)
		}
		var wg sync.WaitGroup
		var taken, full atomic.Int64
		for c := range callers {
			wg.Go(func() {
				for i := range handled / callers * 2 {
					_, err := s.Swap(t.Context(), key(1_000_000*(c+1)+i), core.Value{}, value(time.Now(), false, 1), day)
					if err == nil {
						taken.Add(1)
					} else if errors.Is(err, core.ErrStoreFull) {
						full.Add(1)
					}
				}
			})
		}
		wg.Wait()
		if got := s.Stats(); taken.Load() != handled || got.Dropped != handled || full.Load() != callers*(handled/callers*2)-handled {
			t.Fatalf("%d taken, %d refused, %+v", taken.Load(), full.Load(), got)
		}
		for i := range protected {
			if peek(t, s, key(i)) == (core.Value{}) {
				t.Fatal("a record within its window was dropped")
			}
		}
	}
}

func TestSwapDoesNotAllocate(t *testing.T) { //nolint:paralleltest // counts allocations of the whole process
	testmode.Count(t)
	s := memstore.New()
	ctx, v := t.Context(), core.Value{}
	for i := range 10_000 {
		add(t, s, key(i), core.Value{1}, time.Hour)
	}
	k, n := key(1), uint64(0)
	v = peek(t, s, k)
	if got := testing.AllocsPerRun(1000, func() {
		n++
		next := value(time.Time{}, true, n)
		v, _ = s.Swap(ctx, k, v, next, time.Hour)
	}); got != 0 {
		t.Errorf("%v allocations a swap", got)
	}
}

// heap is the live heap after a collection.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestBytesOfARecord(t *testing.T) { //nolint:paralleltest // measures the memory of the whole process
	testmode.Count(t)
	sizes := []int{1 << 20}
	if !testmode.Brief() {
		sizes = append(sizes, 10_000_000)
	}
	for _, n := range sizes {
		// The overhead is largest just before and just after a part of the table grew: measure all
		// along.
		before := heap()
		s := memstore.New(memstore.Capacity(n + n/8)) // one source does not get all of it
		worst := 0.0
		for i := range n {
			add(t, s, fastKey(i), core.Value{1}, day)
			if i+1 == n || (i+1)%(n/8) == 0 && i > n/4 {
				each := float64(heap()-before) / float64(i+1)
				worst = max(worst, each)
			}
		}
		start := time.Now()
		runtime.GC()
		t.Logf("%d records: at most %.1f bytes each; a collection takes %v", n, worst, time.Since(start))
		if worst > 112 {
			t.Errorf("%d records take %.1f bytes each, more than 112", n, worst)
		}
		runtime.KeepAlive(s)
	}
}

// fastKey is a permutation of i: distinct, and as spread as a hash. All have one scope, as those of
// one source.
func fastKey(i int) core.Key {
	var k core.Key
	x := uint64(i) * 0x9E3779B97F4A7C15
	binary.LittleEndian.PutUint64(k[8:], x^x>>29)
	binary.LittleEndian.PutUint64(k[16:], ^x)
	return k
}

// ids is how many live ids the benchmarks run over: 10 M, or 100 000 with -short.
func ids() int {
	if testing.Short() {
		return 100_000
	}
	return 10_000_000
}

func BenchmarkSwap(b *testing.B) {
	n := ids()
	type swapper func(k core.Key, old, next core.Value) core.Value
	for _, engine := range []struct {
		name string
		make func() swapper
	}{
		{"memstore", func() swapper {
			s := memstore.New(memstore.Capacity(2 * n))
			return func(k core.Key, old, next core.Value) core.Value {
				v, _ := s.Swap(context.Background(), k, old, next, day)
				return v
			}
		}},
		{"sync.Map", func() swapper {
			var m sync.Map
			type rec struct {
				value   core.Value
				expires int64
			}
			return func(k core.Key, old, next core.Value) core.Value {
				now := time.Now().UnixNano()
				fresh := &rec{next, now + int64(day)}
				for {
					x, found := m.Load(k)
					if !found {
						if old != (core.Value{}) {
							return core.Value{}
						}
						if _, found = m.LoadOrStore(k, fresh); !found {
							return next
						}
						continue
					}
					r, _ := x.(*rec)
					if r.value != old && now < r.expires {
						return r.value
					}
					if m.CompareAndSwap(k, x, fresh) {
						return next
					}
				}
			}
		}},
	} {
		before := heap()
		swap := engine.make()
		for i := range n {
			swap(fastKey(i), core.Value{}, core.Value{1})
		}
		bytes := float64(heap()-before) / float64(n)
		start := time.Now()
		runtime.GC()
		gc := time.Since(start)
		b.Run(fmt.Sprintf("%s/live=%d", engine.name, n), func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				r := rand.New(rand.NewPCG(rand.Uint64(), 1))
				for pb.Next() { // two operations: a claim that loses, and the change of what it saw
					k := fastKey(r.IntN(n))
					v := swap(k, core.Value{}, core.Value{2})
					next := v
					next[31]++
					swap(k, v, next)
				}
			})
			b.ReportMetric(bytes, "B/id")
			b.ReportMetric(float64(gc.Microseconds())/1000, "ms/GC")
		})
		runtime.KeepAlive(swap)
	}
}

// BenchmarkClaimAndCommit measures the cost of one message: a new record, then its change.
func BenchmarkClaimAndCommit(b *testing.B) {
	s := memstore.New(memstore.Capacity(1 << 22))
	claimed, done := value(time.Now().Add(-time.Hour), false, 1), value(time.Now().Add(-time.Hour), true, 2)
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		i++
		k := fastKey(i)
		_, _ = s.Swap(b.Context(), k, core.Value{}, claimed, day)
		_, _ = s.Swap(b.Context(), k, claimed, done, day)
	}
}

// BenchmarkMessage measures the same with many live records, and with caches that other work has
// used between the messages. Give it a number of messages (-benchtime=50000x), because each adds a
// record, except to the store whose records expire.
func BenchmarkMessage(b *testing.B) {
	for _, c := range []struct {
		name string
		live int
		ttl  time.Duration
		walk int // bytes touched between messages
	}{
		{"live=100000", 100_000, day, 0},
		{"live=1000000", 1_000_000, day, 0},
		{"live=100000/cold", 100_000, day, 1 << 20},
		{"live=1000000/cold", 1_000_000, day, 1 << 20},
		{"expiring", 0, 300 * time.Millisecond, 0},
		{"expiring/cold", 0, 2 * time.Second, 1 << 20},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := memstore.New(memstore.Capacity(1<<20 + c.live))
			claimed, done := value(time.Now().Add(-time.Hour), false, 1), value(time.Now().Add(-time.Hour), true, 2)
			i := 0
			message := func() {
				i++
				k := fastKey(i)
				_, _ = s.Swap(b.Context(), k, core.Value{}, claimed, c.ttl)
				_, _ = s.Swap(b.Context(), k, claimed, done, c.ttl)
			}
			other := make([]byte, c.walk)
			walk := func() {
				for at := 0; at < len(other); at += 64 {
					other[at]++
				}
			}
			for i < c.live {
				message()
			}
			if c.live == 0 { // until as many expire as are added
				for start := time.Now(); time.Since(start) < 2*c.ttl; {
					walk()
					message()
				}
			}
			var spent time.Duration
			for b.Loop() {
				walk()
				start := time.Now()
				message()
				spent += time.Since(start)
			}
			b.ReportMetric(float64(spent)/float64(b.N), "ns/message")
			b.ReportMetric(float64(s.Stats().Records), "live")
		})
	}
}

// BenchmarkFull makes every operation drop a record.
func BenchmarkFull(b *testing.B) {
	const n = 1 << 20
	s := memstore.New(memstore.Capacity(n))
	done := value(time.Now().Add(-time.Hour), true, 2)
	for i := range n {
		add(b, s, fastKey(i), done, day)
	}
	i := n
	for b.Loop() {
		i++
		add(b, s, fastKey(i), done, day)
	}
}
