package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"runtime/metrics"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/stores/memstore"
)

// The stores that hold everything in memory, all behind core.SeenStore: ours, and what a user would reach for, doing the same work: compare and
// swap of a record that expires.

const (
	ourStore   = "memstore"
	lockedMap  = "map and mutex"
	syncMap    = "sync.Map"
	otterCache = "otter, unbounded"
)

var storeKinds = []string{ourStore, lockedMap, syncMap, otterCache}

// store is a SeenStore and a way to have what expired removed, for those that do not do that while they work.
type store struct {
	core.SeenStore

	sweep func()
}

func newStore(kind string, capacity int) (store, error) {
	switch kind {
	case ourStore:
		return store{memstore.New(memstore.Capacity(capacity)), func() {}}, nil
	case lockedMap:
		m := &mutexStore{records: make(map[core.Key]expiring)}
		return store{m, m.sweep}, nil
	case syncMap:
		m := new(syncStore)
		return store{m, m.sweep}, nil
	case otterCache:
		c := &otterStore{otter.Must(&otter.Options[core.Key, expiring]{
			ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[core.Key, expiring]) time.Duration { return time.Until(e.Value.expires) }),
		})}
		return store{c, c.cache.CleanUp}, nil
	default:
		return store{}, fmt.Errorf("no such store: %s", kind)
	}
}

// expiring is a record and when it ends.
type expiring struct {
	value   core.Value
	expires time.Time
}

// mutexStore is a plain map. What expired is removed by going through all of it.
type mutexStore struct {
	mu      sync.Mutex
	records map[core.Key]expiring
}

// Swap implements core.SeenStore.
func (s *mutexStore) Swap(ctx context.Context, key core.Key, old, next core.Value, ttl time.Duration) (core.Value, error) {
	if err := ctx.Err(); err != nil {
		return core.Value{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	live, ok := s.records[key]
	if ok && !live.expires.After(now) {
		live = expiring{}
	}
	if live.value != old {
		return live.value, nil
	}
	s.records[key] = expiring{next, now.Add(ttl)}
	return next, nil
}

func (s *mutexStore) sweep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	maps.DeleteFunc(s.records, func(_ core.Key, r expiring) bool { return !r.expires.After(now) })
}

// syncStore is a sync.Map, whose values are swapped as pointers: a record is written once and then replaced.
type syncStore struct{ records sync.Map }

// Swap implements core.SeenStore.
func (s *syncStore) Swap(ctx context.Context, key core.Key, old, next core.Value, ttl time.Duration) (core.Value, error) {
	if err := ctx.Err(); err != nil {
		return core.Value{}, err
	}
	now := time.Now()
	fresh := &expiring{next, now.Add(ttl)}
	for {
		found, ok := s.records.Load(key)
		if !ok {
			if old != (core.Value{}) {
				return core.Value{}, nil
			}
			if _, loaded := s.records.LoadOrStore(key, fresh); !loaded {
				return next, nil
			}
			continue
		}
		live, _ := found.(*expiring)
		value := live.value
		if !live.expires.After(now) {
			value = core.Value{}
		}
		if value != old {
			return value, nil
		}
		if s.records.CompareAndSwap(key, found, fresh) {
			return next, nil
		}
	}
}

func (s *syncStore) sweep() {
	now := time.Now()
	s.records.Range(func(key, found any) bool {
		if r, _ := found.(*expiring); !r.expires.After(now) {
			s.records.CompareAndDelete(key, found)
		}
		return true
	})
}

// otterStore is a cache without a bound: with one it would drop records that protect.
type otterStore struct {
	cache *otter.Cache[core.Key, expiring]
}

// Swap implements core.SeenStore.
func (s *otterStore) Swap(ctx context.Context, key core.Key, old, next core.Value, ttl time.Duration) (core.Value, error) {
	if err := ctx.Err(); err != nil {
		return core.Value{}, err
	}
	now := time.Now()
	var live core.Value
	s.cache.Compute(key, func(found expiring, ok bool) (expiring, otter.ComputeOp) {
		if live = found.value; !ok || !found.expires.After(now) {
			live = core.Value{}
		}
		if live != old {
			return found, otter.CancelOp
		}
		live = next
		return expiring{next, now.Add(ttl)}, otter.WriteOp
	})
	return live, nil
}

// storeRow is how one store did with so many ids.
type storeRow struct {
	Kind            string
	IDs             int
	Message         series // ns for a claim and its settlement, while the store fills, on one of the processors at work
	Duplicate       series // ns for a claim that finds the record
	P50, P99, P999  series // ns a claim at this many ids, all processors at work
	BytesID         series // heap
	GC, GCProcessor series // ms a cycle: from its start to the end of its sweep, and what it took of the processors
	Expire, Pause   series // ns a claim that replaces an expired one, all in; and ms of the longest call meanwhile. At fewer ids.
}

// storeFigures is what one process measured.
type storeFigures struct {
	Message, Duplicate, P50, P99, P999, BytesID, GC, GCProcessor, Expire, Pause float64
}

// budget is how long all parts may take; the stores come last, the largest at the end.
const budget = 9*time.Minute + 30*time.Second

var storeIDs = []int{10_000, 100_000, 1_000_000, 10_000_000}

// storesAll measures every store with every number of ids, each in a process of its own so that heaps do not mix.
func storesAll(o options) ([]storeRow, error) {
	var rows []storeRow
	for i, n := range storeIDs {
		sized, took := make([]storeRow, len(storeKinds)), time.Duration(0)
		for rep := range o.repeat([]int{7, 7, 3, 2}[i]) {
			if rep > 0 && time.Since(o.began)+took > budget {
				break // the largest take minutes on some machines
			}
			began := time.Now()
			for k, kind := range storeKinds {
				ids := n
				if o.quick {
					ids = min(n, 20_000)
				}
				o.progress("stores: %d ids, repetition %d, %s", n, rep+1, kind)
				f, err := measureStore(kind, ids, n == 1_000_000)
				if err != nil {
					return nil, err
				}
				sized[k].Kind, sized[k].IDs = kind, n
				sized[k].add(f)
			}
			took = time.Since(began)
		}
		rows = append(rows, sized...)
	}
	return rows, nil
}

func (r *storeRow) add(f storeFigures) {
	for _, s := range []struct {
		to    *series
		value float64
	}{
		{&r.Message, f.Message},
		{&r.Duplicate, f.Duplicate},
		{&r.P50, f.P50},
		{&r.P99, f.P99},
		{&r.P999, f.P999},
		{&r.BytesID, f.BytesID},
		{&r.GC, f.GC},
		{&r.GCProcessor, f.GCProcessor},
		{&r.Expire, f.Expire},
		{&r.Pause, f.Pause},
	} {
		*s.to = append(*s.to, s.value)
	}
}

func measureStore(kind string, ids int, expiry bool) (f storeFigures, err error) {
	c, err := start(nil, "store", kind, strconv.Itoa(ids), strconv.FormatBool(expiry))
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	return f, c.ask("", &f)
}

// playStore measures one store and says how it did.
func playStore(args []string) error {
	ids, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	s, err := newStore(args[0], 2*ids+1<<20)
	if err != nil {
		return err
	}
	var f storeFigures
	if args[2] == "true" {
		if err := f.measureExpiry(args[0], ids/5); err != nil {
			return err
		}
	}
	if err := f.measure(s, ids); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(f)
}

const life = 25 * time.Hour

// key is the i-th: as good as random, and made in no time.
func key(i int) (k core.Key) {
	for w := range 4 {
		x := uint64(4*i+w+1) * 0x9e3779b97f4a7c15
		x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
		x = (x ^ x>>27) * 0x94d049bb133111eb
		binary.LittleEndian.PutUint64(k[8*w:], x^x>>31)
	}
	return k
}

// record is as core writes them: the end of the window, version and state, and a token.
func record(i int, state core.State) (v core.Value) {
	binary.BigEndian.PutUint64(v[:], uint64(time.Now().UnixMilli()+630_000))
	v[8], v[9] = 1, byte(state)<<6
	binary.BigEndian.PutUint64(v[32:], uint64(i)+1)
	return v
}

// measure fills the store as messages do, each a claim and soon after its settlement, and then looks at it.
func (f *storeFigures) measure(s store, ids int) error {
	ctx := context.Background()
	window := record(0, core.Claimed)
	claimed := func(i int) core.Value { v := window; binary.BigEndian.PutUint64(v[32:], uint64(i)+1); return v }
	done := func(i int) core.Value { v := claimed(i); v[9] = byte(core.Done) << 6; return v }
	swap := func(i int, old, next, want core.Value) error {
		if got, err := s.Swap(ctx, key(i), old, next, life); err != nil || got != want {
			return fmt.Errorf("id %d has %x instead of %x: %w", i, got, want, err)
		}
		return nil
	}
	before := heap()
	var err error
	message := func(i int) error {
		return errors.Join(swap(i, core.Value{}, claimed(i), claimed(i)), swap(i, claimed(i), done(i), done(i)))
	}
	if f.Message, _, err = everyone(0, ids, message); err != nil {
		return err
	}
	f.BytesID = float64(heap()-before) / float64(ids)
	f.GC, f.GCProcessor = collection()
	some := min(ids, 500_000)
	if f.Duplicate, _, err = everyone(0, some, func(i int) error {
		i = i * 7919 % ids                                // in no order
		return swap(i, core.Value{}, claimed(i), done(i)) // what is there is what was settled
	}); err != nil {
		return err
	}
	_, latencies, err := everyone(ids, ids+some/5, func(i int) error { return swap(i, core.Value{}, claimed(i), claimed(i)) })
	f.P50, f.P99, f.P999 = float64(percentile(latencies, 50)), float64(percentile(latencies, 99)), float64(percentile(latencies, 99.9))
	runtime.KeepAlive(s)
	return err
}

// measureExpiry replaces ids that have expired by as many new ones, in a store of its own.
func (f *storeFigures) measureExpiry(kind string, ids int) error {
	s, err := newStore(kind, 2*ids+1<<20)
	if err != nil {
		return err
	}
	ctx, now := context.Background(), time.Now()
	const short = 1500 * time.Millisecond
	claim := func(ttl time.Duration, i int) error {
		_, err := s.Swap(ctx, key(i), core.Value{}, record(i, core.Claimed), ttl)
		return err
	}
	if _, _, err := everyone(0, ids, func(i int) error { return claim(short-time.Since(now), i) }); err != nil {
		return err
	}
	time.Sleep(time.Until(now.Add(short + 50*time.Millisecond)))
	swept := make(chan time.Duration, 1)
	began := time.Now()
	go func() {
		s.sweep()
		swept <- time.Since(began)
	}()
	_, latencies, err := everyone(ids, 2*ids, func(i int) error { return claim(life, i) })
	took := max(<-swept, time.Since(began))
	f.Expire = float64(took) * float64(runtime.GOMAXPROCS(0)) / float64(ids)
	f.Pause = float64(latencies[len(latencies)-1]) / 1e6
	return err
}

// everyone has all processors call f for the ids from a to b. It returns the nanoseconds of a call on each, and every sixteenth latency.
func everyone(a, b int, f func(i int) error) (float64, []time.Duration, error) {
	workers := runtime.GOMAXPROCS(0)
	sampled, errs := make([][]time.Duration, workers), make([]error, workers)
	began := time.Now()
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := a + w; i < b && errs[w] == nil; i += workers {
				if (i-a)/workers%16 != 0 {
					errs[w] = f(i)
					continue
				}
				from := time.Now()
				errs[w] = f(i)
				sampled[w] = append(sampled[w], time.Since(from))
			}
		})
	}
	wg.Wait()
	took := time.Since(began)
	latencies := slices.Concat(sampled...)
	slices.Sort(latencies)
	return float64(took) * float64(workers) / float64(max(1, b-a)), latencies, errors.Join(errs...)
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// collection is the fastest of up to five cycles, fewer if they take seconds: what is slower was disturbed.
func collection() (elapsed, processor float64) {
	sample := []metrics.Sample{{Name: "/cpu/classes/gc/total:cpu-seconds"}, {Name: "/cpu/classes/gc/mark/idle:cpu-seconds"}}
	read := func() float64 {
		metrics.Read(sample)
		return sample[0].Value.Float64()
	}
	var all, cpu series
	for began := time.Now(); len(all) < 5 && (len(all) == 0 || time.Since(began) < 2*time.Second); {
		before, began := read(), time.Now()
		runtime.GC()
		all = append(all, float64(time.Since(began))/1e6)
		runtime.GC() // the figures of a cycle are complete when the next one ends
		cpu = append(cpu, (read()-before)*1e3/2)
	}
	return all.quantile(0), cpu.quantile(0)
}
