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
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/stores/memstore"
)

// The stores that hold everything in memory, all behind core.SeenStore: ours, and what a user would
// reach for, doing the same work: compare and swap of a record that expires.

const (
	ourStore   = "memstore"
	lockedMap  = "map and mutex"
	syncMap    = "sync.Map"
	otterCache = "otter (unbounded)"
)

var storeKinds = []string{ourStore, lockedMap, syncMap, otterCache}

// store is a SeenStore and a way to have what expired removed, for those that
// do not do that while they work.
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
			ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[core.Key, expiring]) time.Duration { return time.Duration(e.Value.expires - age()) }),
		})}
		return store{c, c.cache.CleanUp}, nil
	default:
		return store{}, fmt.Errorf("no such store: %s", kind)
	}
}

// expiring is a record with its expiry. It contains no pointer, which the
// collector would have to follow: a time.Time has one.
type expiring struct {
	value   core.Value
	expires int64 // by age
}

var epoch = time.Now()

func age() int64 { return int64(time.Since(epoch)) }

// mutexStore is a plain map. What expired is removed by going through all of
// it.
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
	now := age()
	live, ok := s.records[key]
	if ok && live.expires <= now {
		live = expiring{}
	}
	if live.value != old {
		return live.value, nil
	}
	s.records[key] = expiring{next, now + int64(ttl)}
	return next, nil
}

func (s *mutexStore) sweep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := age()
	maps.DeleteFunc(s.records, func(_ core.Key, r expiring) bool { return r.expires <= now })
}

// syncStore is a sync.Map, whose values are swapped as pointers: a record is
// written once and then replaced.
type syncStore struct{ records sync.Map }

// Swap implements core.SeenStore.
func (s *syncStore) Swap(ctx context.Context, key core.Key, old, next core.Value, ttl time.Duration) (core.Value, error) {
	if err := ctx.Err(); err != nil {
		return core.Value{}, err
	}
	now := age()
	fresh := &expiring{next, now + int64(ttl)}
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
		if live.expires <= now {
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
	now := age()
	s.records.Range(func(key, found any) bool {
		if r, _ := found.(*expiring); r.expires <= now {
			s.records.CompareAndDelete(key, found)
		}
		return true
	})
}

// otterStore is a cache without a bound: with one it would drop records that
// protect.
type otterStore struct {
	cache *otter.Cache[core.Key, expiring]
}

// Swap implements core.SeenStore.
func (s *otterStore) Swap(ctx context.Context, key core.Key, old, next core.Value, ttl time.Duration) (core.Value, error) {
	if err := ctx.Err(); err != nil {
		return core.Value{}, err
	}
	now := age()
	var live core.Value
	s.cache.Compute(key, func(found expiring, ok bool) (expiring, otter.ComputeOp) {
		if live = found.value; !ok || found.expires <= now {
			live = core.Value{}
		}
		if live != old {
			return found, otter.CancelOp
		}
		live = next
		return expiring{next, now + int64(ttl)}, otter.WriteOp
	})
	return live, nil
}

// storeRow is how one store did with so many ids.
type storeRow struct {
	Kind            string
	IDs             int
	Message         series // ns for a claim and its settlement, while the store fills, on one of the processors at work
	Duplicate       series // ns for a claim that finds the record
	P50, P99, P999  series // ns a claim of a new id, all processors at work
	BytesID         series // heap
	GC, GCProcessor series // ms a cycle: from its start to the end of its sweep, and what marking took of the processors
	Expire, Pause   series // ns a claim that replaces an expired one, all in; and ms of the longest call meanwhile. Of large stores.
}

// storeFigures are what one command measured, and zero what it did not.
type storeFigures struct {
	Message, Duplicate, P50, P99, P999, BytesID, GC, GCProcessor, Expire, Pause float64
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
		if s.value != 0 {
			*s.to = append(*s.to, s.value)
		}
	}
}

// budget is how long all parts may take; the stores come last, the largest at
// the end.
const budget = 9*time.Minute + 40*time.Second

// storeIDs are how many ids the stores hold at the end.
var storeIDs = []int{10_000, 100_000, 1_000_000, 10_000_000}

// repetitions says how often a store with so many ids is filled, in how many
// turns with the others, and how often it is looked at then. A small one is
// soon filled anew. A large one takes long.
func repetitions(ids int) (fills, turns, looks int) {
	if ids < 1_000_000 {
		return 9, 1, 1
	}
	return 1, 5, 3
}

// storesAll measures every store with every number of ids, each in a process of
// its own so that heaps do not mix.
func storesAll(o options) ([]storeRow, error) {
	var rows []storeRow
	for _, n := range storeIDs {
		sized := make([]storeRow, len(storeKinds))
		for k, kind := range storeKinds {
			sized[k].Kind, sized[k].IDs = kind, n
		}
		fills, _, _ := repetitions(n)
		for fill := range o.repeat(fills) {
			if err := measureStores(o, sized, fill); err != nil {
				return nil, err
			}
		}
		rows = append(rows, sized...)
	}
	return rows, nil
}

// measureStores fills the stores of rows once, in turns, and looks at them in
// turn.
func measureStores(o options, rows []storeRow, fill int) (err error) {
	n := rows[0].IDs
	ids := n
	if o.quick {
		ids = min(n, 20_000)
	}
	stores := make([]*child, len(rows))
	for k := range rows {
		if stores[k], err = startStore(rows[k].Kind, ids); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, stores[k].stop()) }()
	}
	all := func(format string, args ...any) error {
		command := fmt.Sprintf(format, args...)
		o.progress("stores: %d ids, %d: %s", n, fill+1, command)
		for k := range rows {
			if err := rows[k].ask(stores[k], command); err != nil {
				return err
			}
		}
		return nil
	}
	_, turns, looks := repetitions(n)
	for range turns {
		if err := all("fill %d", ids/turns); err != nil {
			return err
		}
	}
	for look, took := 0, time.Duration(0); look < o.repeat(looks); look++ {
		if look > 0 && time.Since(o.began)+took > budget {
			break // the largest take minutes on some machines
		}
		began := time.Now()
		if err := all("look"); err != nil {
			return err
		}
		if n >= expiryIDs {
			end := time.Now().Add(o.length(2500 * time.Millisecond))
			if err := all("mortal %d", end.UnixNano()); err != nil {
				return err
			}
			time.Sleep(time.Until(end) + 50*time.Millisecond)
			if err := all("expire"); err != nil {
				return err
			}
		}
		took = time.Since(began)
	}
	return nil
}

// expiryIDs is from how many ids on expiry is measured.
const expiryIDs = 1_000_000

func startStore(kind string, ids int) (*child, error) {
	c, err := start(nil, "store", kind, strconv.Itoa(ids))
	if err != nil {
		return nil, err
	}
	if err := c.signal(syscall.SIGSTOP); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return c, nil
}

// ask has a store carry out a command, and adds what it measured to the row.
func (r *storeRow) ask(c *child, command string) error {
	defer c.use()()
	var f storeFigures
	if err := c.ask(command, &f); err != nil {
		return err
	}
	r.add(f)
	return nil
}

// filled is one store that is measured, in a process of its own.
type filled struct {
	store

	ids, live, next int    // how many it is to hold, how many it holds, and which comes next
	empty           uint64 // heap
}

// playStore carries out commands about one store.
func playStore(args []string) error {
	ids, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	s, err := newStore(args[0], 2*ids+1<<20)
	if err != nil {
		return err
	}
	runtime.GC()
	f := &filled{store: s, ids: ids, empty: heap()}
	return obey(json.NewEncoder(os.Stdout), func(command string) (any, error) {
		verb, text, _ := strings.Cut(command, " ")
		number, _ := strconv.ParseInt(text, 10, 64)
		switch verb {
		case "fill":
			ns, _, err := f.more(int(number), 16, f.message)
			return storeFigures{Message: ns}, err
		case "look":
			return f.look()
		case "mortal":
			return storeFigures{}, f.mortal(time.Unix(0, number))
		case "expire":
			return f.expire()
		default:
			return nil, fmt.Errorf("no such command: %q", command)
		}
	})
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

// claimed is a record as core writes them: the end of the window, version and
// state, and a token.
func claimed(i int) (v core.Value) {
	binary.BigEndian.PutUint64(v[:], windowEnd)
	v[8], v[9] = 1, byte(core.Claimed)<<6
	binary.BigEndian.PutUint64(v[32:], uint64(i)+1)
	return v
}

var windowEnd = uint64(time.Now().UnixMilli() + 630_000)

func done(i int) core.Value {
	v := claimed(i)
	v[9] = byte(core.Done) << 6
	return v
}

func (f *filled) swap(i int, old, next, want core.Value) error {
	if got, err := f.Swap(context.Background(), key(i), old, next, life); err != nil || got != want {
		return fmt.Errorf("id %d has %x instead of %x: %w", i, got, want, err)
	}
	return nil
}

func (f *filled) claim(i int) error { return f.swap(i, core.Value{}, claimed(i), claimed(i)) }

// message is a claim and soon after its settlement.
func (f *filled) message(i int) error {
	return errors.Join(f.claim(i), f.swap(i, claimed(i), done(i), done(i)))
}

// duplicate finds what was settled.
func (f *filled) duplicate(i int) error {
	i = i * 7919 % f.ids // in no order
	return f.swap(i, core.Value{}, claimed(i), done(i))
}

// more has new ids go through work.
func (f *filled) more(n, sample int, work func(i int) error) (float64, []time.Duration, error) {
	from := f.next
	f.next, f.live = f.next+n, f.live+n
	return everyone(from, f.next, sample, work)
}

// look measures the store as it is, and leaves a few more ids in it.
func (f *filled) look() (storeFigures, error) {
	duplicate, _, err := everyone(0, min(f.ids, 500_000), 16, f.duplicate)
	if err != nil {
		return storeFigures{}, err
	}
	_, latencies, err := f.more(min(f.ids/5, 100_000), 1, f.claim)
	if err != nil {
		return storeFigures{}, err
	}
	elapsed, processor := collection()
	return storeFigures{
		Duplicate: duplicate, GC: elapsed, GCProcessor: processor, BytesID: float64(heap()-f.empty) / float64(f.live),
		P50: float64(percentile(latencies, 50)), P99: float64(percentile(latencies, 99)), P999: float64(percentile(latencies, 99.9)),
	}, nil
}

// mortals is how many ids are to expire.
func (f *filled) mortals() int { return min(f.ids/5, 200_000) }

// mortal adds ids that all expire at one moment.
func (f *filled) mortal(end time.Time) error {
	_, _, err := f.more(f.mortals(), 16, func(i int) error {
		_, err := f.Swap(context.Background(), key(i), core.Value{}, claimed(i), time.Until(end))
		return err
	})
	f.live -= f.mortals()
	return err
}

// expire replaces what has expired by as many new ids.
func (f *filled) expire() (storeFigures, error) {
	swept := make(chan time.Duration, 1)
	began := time.Now()
	go func() {
		f.sweep()
		swept <- time.Since(began)
	}()
	_, latencies, err := f.more(f.mortals(), 1, f.claim)
	took := max(<-swept, time.Since(began))
	return storeFigures{
		Expire: float64(took) * float64(runtime.GOMAXPROCS(0)) / float64(f.mortals()),
		Pause:  float64(latencies[len(latencies)-1]) / 1e6,
	}, err
}

// everyone has all processors call f for the ids from a to b. It returns the
// nanoseconds of a call on each, and the latency of every so many.
func everyone(a, b, sample int, f func(i int) error) (float64, []time.Duration, error) {
	workers := runtime.GOMAXPROCS(0)
	sampled, errs := make([][]time.Duration, workers), make([]error, workers)
	began := time.Now()
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := a + w; i < b && errs[w] == nil; i += workers {
				if (i-a)/workers%sample != 0 {
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

// heap is what is live after the last collection.
func heap() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// collection measures one cycle, after one that ends what was under way.
func collection() (elapsed, processor float64) {
	sample := []metrics.Sample{{Name: "/cpu/classes/gc/total:cpu-seconds"}}
	read := func() float64 {
		metrics.Read(sample)
		return sample[0].Value.Float64()
	}
	runtime.GC()
	before, began := read(), time.Now()
	runtime.GC()
	return float64(time.Since(began)) / 1e6, (read() - before) * 1e3
}
