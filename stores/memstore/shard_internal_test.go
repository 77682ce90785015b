package memstore

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
	"unsafe"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/testmode"
)

func TestSizesAreThoseOfTheAllocatorAndTheCache(t *testing.T) {
	t.Parallel()
	if got := unsafe.Sizeof(record{}); got != 88 {
		t.Errorf("a record has %d bytes", got)
	}
	if got := unsafe.Sizeof(page{}); got > 8192 || got+unsafe.Sizeof(record{}) <= 8192 {
		t.Errorf("a page has %d bytes", got)
	}
	if got := unsafe.Sizeof(shard{}); got != 512 {
		t.Errorf("a shard has %d bytes", got)
	}
	if at := uintptr(unsafe.Pointer(&New().shards[0])); at%128 != 0 {
		t.Errorf("the first shard is %d bytes from the beginning of a pair of cache lines", at%128)
	}
}

const day = 24 * time.Hour

// newShards returns a store of n shards.
func newShards(n, capacity int) *Store {
	s := New(Capacity(capacity))
	s.shards = s.shards[:n]
	for k := range s.bounds {
		s.bounds[k] = s.bounds[k][:n]
	}
	return s
}

// testKey makes the keys of scope 0, scopedKey those of any.
func testKey(i uint64) core.Key { return scopedKey(0, i) }

func scopedKey(scope uint32, i uint64) (k core.Key) {
	binary.BigEndian.PutUint32(k[:], scope)
	binary.LittleEndian.PutUint64(k[8:], i)
	return k
}

// testValue returns a value with a unique token.
func testValue(windowEnd int64, handled bool, token uint64) (v core.Value) {
	binary.BigEndian.PutUint64(v[:], uint64(windowEnd))
	v[8], v[9] = 1, byte(core.Claimed)<<6
	if handled {
		v[9] = byte(core.Done) << 6
	}
	binary.BigEndian.PutUint64(v[32:], token)
	return v
}

// swapAt is Swap at a given time.
func (s *Store) swapAt(age, wall int64, key core.Key, old, next core.Value, ttl time.Duration) (core.Value, error) {
	hash := s.hash(&key)
	sh := &s.shards[hash>>32&uint64(len(s.shards)-1)]
	for reserved := false; ; reserved = true {
		live, err := sh.swap(age, uint16(hash&math.MaxUint16), &key, &old, &next, ttl, reserved)
		if !errors.Is(err, errNoPlace) {
			return live, err
		}
		if scope := scopeOf(&key); !s.reserve(scope) && !s.reclaim(scope, clock{milli(age), wall}) {
			return core.Value{}, core.ErrStoreFull
		}
	}
}

// all returns the records in memory.
func (s *Store) all() map[core.Key]record {
	all := map[core.Key]record{}
	for i := range s.shards {
		sh := &s.shards[i]
		for j := range sh.n {
			r := sh.at(uint16(j))
			all[r.key] = *r
		}
	}
	return all
}

// check returns what is wrong with a shard: the index must find every record, and every record must
// be in the right place of the queues.
func (sh *shard) check() error {
	for i := range uint16(sh.n) {
		r := sh.at(i)
		if j, found := sh.find(sh.tag(i), &r.key); !found || i != j {
			return fmt.Errorf("the index has record %d as %d, %v", i, j, found)
		}
	}
	cells := 0
	for _, c := range sh.cells {
		if c != 0 {
			cells++
		}
	}
	if cells != sh.n {
		return fmt.Errorf("%d cells of %d records", cells, sh.n)
	}
	if unused := len(sh.pages)*pageRecords - sh.n; unused < 0 || unused > spare {
		return fmt.Errorf("memory for %d more than %d records", unused, sh.n)
	}
	var first [queues]int64
	var want [queues]int
	for k := range first {
		first[k] = never
	}
	for i := range uint16(sh.n) {
		r := sh.at(i)
		for _, k := range r.queues() {
			if t := r.due(k); t != never {
				first[k] = min(first[k], t)
				want[k]++
			}
		}
	}
	for k := range queues {
		if err := sh.checkQueue(k, first[k], want[k]); err != nil {
			return fmt.Errorf("queue %d: %w", k, err)
		}
	}
	return nil
}

// in reports whether queue k is one of the record's.
func (r *record) in(k int) bool { q := r.queues(); return q[0] == k || q[1] == k }

// least looks for the first time of queue k in all records.
func (sh *shard) least(k int) int64 {
	t := int64(never)
	for i := range uint16(sh.n) {
		if r := sh.at(i); r.in(k) {
			t = min(t, r.due(k))
		}
	}
	return t
}

// checkQueue returns what is wrong with a queue of so many records, of which the first is due at a
// time.
func (sh *shard) checkQueue(k int, first int64, want int) error {
	q, got := sh.queue(k), 0
	if q == nil {
		q = &queue{published: &sh.store.bounds[k][sh.i], bound: never}
	}
	for slot, number := range q.slots {
		if used := q.used[slot/digits]>>(slot%digits)&1 != 0; used != (number != 0) {
			return fmt.Errorf("slot %d begins with number %d, and is said to be used: %v", slot, number, used)
		}
		for prev := uint16(0); number != 0; got++ {
			if int(number) > sh.n {
				return fmt.Errorf("slot %d has the number %d of %d", slot, number, sh.n)
			}
			r := sh.at(number - 1)
			if r.prev[side(k)] != prev {
				return fmt.Errorf("number %d follows %d in slot %d, not %d", number, prev, slot, r.prev[side(k)])
			}
			if t := r.due(k); t == never || q.slot(t) != slot || t < q.begin(slot) || slot < digits && t != q.begin(slot) {
				return fmt.Errorf("a record for %d is in slot %d", t, slot)
			}
			if prev, number = number, r.next[side(k)]; got > want {
				return errors.New("a list does not end")
			}
		}
	}
	switch {
	case got != want:
		return fmt.Errorf("%d records, want %d", got, want)
	case q.bound > first, k != byExpiry && q.bound != first:
		return fmt.Errorf("the bound is %d, the first %d", q.bound, first)
	case q.published.Load() != q.bound:
		return fmt.Errorf("the bound is %d, published is %d", q.bound, q.published.Load())
	}
	return nil
}

// power is up to 2^n, of any length.
func power(r *rand.Rand, n int) int64 { return r.Int64N(1 << (1 + r.IntN(n))) }

// pick returns the scope of a number, by weight.
func pick(number uint64, weights []int) uint32 {
	total := 0
	for _, w := range weights {
		total += w
	}
	at := int(number * 7919 % uint64(total))
	for scope, w := range weights {
		if at < w {
			return uint32(scope)
		}
		at -= w
	}
	panic("unreachable")
}

// ledger models a store that examines all records for each decision.
type ledger struct {
	records  map[core.Key]record
	capacity int64
	wall     int64
}

func (m *ledger) held(scope int) (n int64) {
	for k := range m.records {
		if scopeOf(&k) == scope {
			n++
		}
	}
	return n
}

func (m *ledger) expired(now int64) bool {
	for _, r := range m.records {
		if r.due(byExpiry) <= now {
			return true
		}
	}
	return false
}

// judge returns what is wrong with accepting or refusing a new record of scope, if none was
// expired.
func (m *ledger) judge(scope int, gone []record, err error) string {
	n, held := int64(len(m.records)), m.held(scope)
	share := 15 * (m.capacity - n + 1)
	var may []int64 // windows that are over, of the records that it may displace
	for k, r := range m.records {
		if t := r.due(byWindow); t <= m.wall && t != never && (held < share || scopeOf(&k)%16 == scope%16) {
			may = append(may, t)
		}
	}
	slices.Sort(may)
	want := 0
	switch {
	case held < share && n < m.capacity:
	case len(may) == 0:
		if !errors.Is(err, core.ErrStoreFull) {
			return fmt.Sprintf("%v, with %d of %d records, %d its own, and nothing to drop", err, n, m.capacity, held)
		}
		return ""
	default:
		want = 1
		if len(gone) > 0 && scopeOf(&gone[0].key) != scope {
			held++
		}
		if held > share && len(may) > 1 {
			want = 2
		}
		if tied := len(may) > 1 && may[0] == may[1]; tied && len(gone) > 0 && len(gone) < 3 {
			want = len(gone) // the order among equals is not given, and whose record went first decides
		}
	}
	if err != nil || len(gone) != want {
		return fmt.Sprintf("%v and %d dropped, not %d, with %d of %d records, %d its own", err, len(gone), want, n, m.capacity, held)
	}
	for i := range gone {
		if t := gone[i].due(byWindow); t != may[i] {
			return fmt.Sprintf("dropped a window that ended at %d, not %d", t, may[i])
		}
	}
	return ""
}

// Compares with a store that examines all records for each decision. Time passes in steps from
// nanoseconds to years, the wall clock is also set, and windows end at any time.
func TestAShardDecidesAsOneThatLooksAtAllRecords(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		shards, capacity, ops int
		ages, spread          int   // powers of two: how far time passes, in ns, and how far apart windows end, in ms
		weights               []int // of the scopes; nil: every key has its own
	}{
		"a few records, over all of time":     {1, 40, 4000, 58, 46, nil},
		"many records, over a second":         {1, 400, 3000, 30, 8, nil},
		"many records, windows of any length": {1, 400, 3000, 36, 30, nil},
		"many shards, over a second":          {16, 300, 3000, 30, 20, nil},
		"many shards, over years":             {16, 300, 2000, 55, 44, nil},
		"one scope, over a second":            {4, 300, 3000, 30, 20, []int{1}},
		"one scope, over years":               {1, 300, 3000, 55, 44, []int{1}},
		"a large scope and small ones":        {4, 300, 4000, 36, 30, []int{40, 1, 1, 1, 1}},
		"two large scopes, over years":        {4, 300, 4000, 55, 44, []int{10, 10, 1, 1}},
		"two of one class":                    {4, 100, 4000, 30, 20, append([]int{20, 1, 1}, append(make([]int, 13), 20)...)},
	} {
		for seed := range uint64(2) {
			t.Run(fmt.Sprintf("%s/%d", name, seed), func(t *testing.T) {
				t.Parallel()
				r := rand.New(rand.NewPCG(seed, 1))
				s := newShards(c.shards, c.capacity)
				before := s.all()
				age, set, start := int64(0), int64(0), int64(1_760_000_000_000)
				ops := c.ops
				if testmode.Brief() {
					ops /= 2
				}
				for op := range ops {
					switch r.IntN(20) {
					case 0:
						age += min(power(r, c.ages), math.MaxInt64/2-age)
					case 1:
						set = power(r, c.spread)
						set -= power(r, c.spread)
					}
					wall := start + milli(age) + set
					number := r.Uint64N(uint64(2 * c.capacity))
					key := scopedKey(uint32(number), number)
					if c.weights != nil {
						key = scopedKey(pick(number, c.weights), number)
					}
					dropped := s.dropped.Load()
					was, found := before[key]
					if !found || was.expires <= age {
						was = record{}
					}
					old := was.value
					if r.IntN(8) == 0 {
						old = core.Value{39: 1}
					}
					end := wall + power(r, c.spread) - power(r, c.spread)
					if r.IntN(50) == 0 {
						end = []int64{math.MinInt64, -1, 0, 1, never - 1, never, never + 1, math.MaxInt64}[r.IntN(8)]
					}
					ttl := 1 + power(r, c.ages)*16
					if r.IntN(30) == 0 {
						ttl = math.MaxInt64
					}
					if r.IntN(60) == 0 { // nobody should
						ttl = -power(r, 62)
					}
					next := testValue(end, r.IntN(3) > 0, uint64(op+1))
					got, err := s.swapAt(age, wall, key, old, next, time.Duration(ttl))

					// What it should do.
					want := was.value
					if old == was.value {
						want = next
					}
					expired := false
					for k, r := range before {
						expired = expired || r.due(byExpiry) <= milli(age) || k == key && r.expires <= age
					}
					isNew := old == (core.Value{}) && was.value == old
					if !isNew && err != nil {
						t.Fatalf("operation %d: %v", op, err)
					}
					if err != nil {
						want = core.Value{}
					}
					if got != want {
						t.Fatalf("operation %d: %x, want %x", op, got, want)
					}
					after := s.all()
					if now := after[key]; err == nil && want == next && ttl > 0 && (now.value != next || now.expires != age+min(ttl, math.MaxInt64-age)) {
						t.Fatalf("operation %d wrote %x until %d", op, now.value, now.expires)
					}
					var gone []record
					for k, r := range before {
						if _, there := after[k]; !there && k != key && r.due(byExpiry) > milli(age) {
							gone = append(gone, r)
						}
					}
					slices.SortFunc(gone, func(a, b record) int { return cmp.Compare(a.due(byWindow), b.due(byWindow)) })
					if d := s.dropped.Load() - dropped; d != int64(len(gone)) {
						t.Fatalf("operation %d dropped %d and counted %d", op, len(gone), d)
					}
					if !isNew && len(gone) > 0 {
						t.Fatalf("operation %d dropped %d and made no record", op, len(gone))
					}
					m := ledger{before, int64(c.capacity), wall}
					switch scope := scopeOf(&key); {
					case isNew && !expired:
						if fault := m.judge(scope, gone, err); fault != "" {
							t.Fatalf("operation %d: %s", op, fault)
						}
					case isNew && err != nil: // what expired is gone, and that was not enough
						if !errors.Is(err, core.ErrStoreFull) {
							t.Fatalf("operation %d: %v", op, err)
						}
						m.records = after
						if fault := m.judge(scope, nil, err); fault != "" && !m.expired(milli(age)) {
							t.Fatalf("operation %d: %s", op, fault)
						}
					case len(gone) > 0 && m.held(scope) < shares*(m.capacity-int64(len(before))+1):
						t.Fatalf("operation %d dropped live records while there were expired ones", op)
					}
					if got := s.records.Load(); got != int64(len(after)) {
						t.Fatalf("operation %d: %d records counted, there are %d", op, got, len(after))
					}
					if op%100 == 99 {
						held := make([]int32, scopes)
						for k := range after {
							held[scopeOf(&k)]++
						}
						for scope := range held {
							if got := s.held[scope].Load(); got != held[scope] {
								t.Fatalf("operation %d: %d records counted for scope %d, there are %d", op, got, scope, held[scope])
							}
						}
					}
					for i := range s.shards {
						sh := &s.shards[i]
						if k := byWindow + r.IntN(classes); sh.removeFirst(k, sh.least(k)-1-power(r, 30)) { // as a caller that is late
							t.Fatalf("after operation %d: a record went before its window ended", op)
						}
						if err := sh.check(); err != nil {
							t.Fatalf("after operation %d: shard %d: %v", op, i, err)
						}
					}
					before = after
				}
			})
		}
	}
}

func TestAQueueGivesTimesInOrder(t *testing.T) {
	t.Parallel()
	const n = 3000
	for name, times := range map[string]func(i int) int64{
		"that rise":                   func(i int) int64 { return 1_760_000_000_000 + int64(i)*37 },
		"that fall":                   func(i int) int64 { return 1_760_000_000_000 - int64(i)*37 },
		"that are all the same":       func(int) int64 { return 5 },
		"in groups":                   func(i int) int64 { return int64(i%7) << 20 },
		"from one millisecond to all": func(i int) int64 { return power(rand.New(rand.NewPCG(uint64(i), 1)), 45) },
		"that come late":              func(i int) int64 { return int64(i)*1000 - power(rand.New(rand.NewPCG(uint64(i), 1)), 20) },
		"from the first to the last":  func(i int) int64 { return int64(i%2) * (never - 1) },
	} {
		for k := range 2 {
			t.Run(fmt.Sprintf("%s, queue %d", name, k), func(t *testing.T) {
				t.Parallel()
				s := newShards(1, 2*n)
				sh := &s.shards[0]
				want := make([]int64, n)
				for i := range want {
					at := min(max(times(i), 1), never-1)
					value, expires := testValue(at, true, 1), int64(math.MaxInt64)
					if k == byExpiry {
						at = min(at, milli(math.MaxInt64))
						value, expires = testValue(0, false, 1), at*int64(time.Millisecond)
					}
					want[i] = at
					key := testKey(uint64(i))
					number, err := sh.room(0, scopeOf(&key), false)
					if err != nil {
						t.Fatal(err)
					}
					sh.put(number, uint16(s.hash(&key)&math.MaxUint16), &key, &value, expires)
				}
				slices.Sort(want)
				for i, at := range want {
					if i%500 == 0 {
						if err := sh.check(); err != nil {
							t.Fatal(err)
						}
					}
					if sh.removeFirst(k, at-1) {
						t.Fatalf("a record went before %d", at)
					}
					if !sh.removeFirst(k, at) {
						t.Fatalf("no record went at %d", at)
					}
				}
				if sh.n != 0 {
					t.Errorf("%d records stay", sh.n)
				}
			})
		}
	}
}

func TestAPlaceThatWasReservedIsGivenBackIfItIsNotUsed(t *testing.T) {
	t.Parallel()
	value, next := testValue(5, false, 1), testValue(5, false, 2)
	for name, c := range map[string]struct {
		age  int64
		key  core.Key
		old  core.Value
		want int64
	}{
		"used":                                {0, testKey(2), core.Value{}, 2},
		"an expired record's is used":         {int64(day), testKey(2), core.Value{}, 1},
		"the same key's that expired is used": {int64(day), testKey(1), core.Value{}, 1},
		"another caller was faster":           {0, testKey(1), core.Value{}, 1},
		"the record is changed":               {0, testKey(1), value, 1},
		"the record is not there":             {0, testKey(2), value, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShards(1, 2)
			if _, err := s.swapAt(0, 0, testKey(1), core.Value{}, value, day); err != nil {
				t.Fatal(err)
			}
			if !s.reserve(scopeOf(&c.key)) {
				t.Fatal("no place")
			}
			sh := &s.shards[0]
			if _, err := sh.swap(c.age, uint16(s.hash(&c.key)&math.MaxUint16), &c.key, &c.old, &next, day, true); err != nil {
				t.Fatal(err)
			}
			if got := s.records.Load(); got != c.want || sh.n != int(got) {
				t.Errorf("%d records counted and %d there, want %d", got, sh.n, c.want)
			}
		})
	}
}

func TestNothingIsDueInAnEmptyQueueHoweverLate(t *testing.T) {
	t.Parallel()
	s := newShards(1, 1)
	if late := (clock{math.MaxInt64, math.MaxInt64}); s.reclaim(0, late) || s.shards[0].removeFirst(byWindow, late[byWindow]) {
		t.Error("a record went that is not there")
	}
}

// FuzzAQueue adds, moves and removes records at times built from a digit and a length, and looks
// for the first.
func FuzzAQueue(f *testing.F) {
	f.Add([]byte("\x00\x10\x01\x22\x02\x33\x03\x44\x80\x20\x00\x11\xc0\x00"))
	f.Fuzz(func(t *testing.T, ops []byte) {
		s := newShards(1, 1000)
		sh := &s.shards[0]
		next := 0
		for ; len(ops) >= 2; ops = ops[2:] {
			at := int64(ops[0]%64+1) << (ops[1] % 38)
			value := testValue(at, true, 1)
			switch ops[0] >> 6 {
			case 0, 1:
				if next++; next > 500 {
					return
				}
				key := testKey(uint64(next))
				i, err := sh.room(0, scopeOf(&key), false)
				if err != nil {
					t.Fatal(err)
				}
				sh.put(i, uint16(s.hash(&key)&math.MaxUint16), &key, &value, at)
			case 2:
				if sh.n > 0 {
					sh.replace(uint16(int(ops[1])%sh.n), &value, at*int64(time.Millisecond))
				}
			default:
				k := int(ops[1] & 1)
				if want := sh.least(k) <= min(at, never-1); sh.removeFirst(k, at) != want {
					t.Fatalf("something in queue %d is due at %d: %v", k, at, want)
				}
			}
			if err := sh.check(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// Moving the focus back spreads all later records over wide slots, and moving it forth over narrow
// ones. A handful of short-lived records must not cause that.
func TestAFewEarlyRecordsDoNotMoveTheFocus(t *testing.T) {
	t.Parallel()
	const start = 1 << 36 // no digit of an earlier time is the same
	for _, c := range []struct {
		early int
		moves bool
	}{{1, false}, {few + 1, false}, {several, false}, {several + 1, true}} {
		s := newShards(1, 1000)
		n := uint64(0)
		add := func(window int64) {
			n++
			if _, err := s.swapAt(0, 0, testKey(n), core.Value{}, testValue(window, true, n), time.Hour); err != nil {
				t.Fatal(err)
			}
		}
		for i := range int64(200) {
			add(start + i)
		}
		for i := range c.early {
			add(start - 1 - int64(i))
		}
		sh := &s.shards[0]
		if _, due := sh.first(byWindow, never-1); due != start-int64(c.early) {
			t.Errorf("%d early records: the first is due at %d", c.early, due)
		}
		if moved := sh.queue(byWindow).focus != start; moved != c.moves {
			t.Errorf("%d early records: moved %v, want %v", c.early, moved, c.moves)
		}
		if err := sh.check(); err != nil {
			t.Error(err)
		}
	}
}

func TestAnExpiredRecordMakesNoPlaceForAScopeThatHasMoreThanItsShare(t *testing.T) {
	t.Parallel()
	for name, expiring := range map[string]uint32{"its own": 1, "of another": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShards(1, 100)
			n := uint64(0)
			add := func(age int64, scope uint32, ttl time.Duration) error {
				n++
				_, err := s.swapAt(age, 0, scopedKey(scope, n), core.Value{}, testValue(1, false, n), ttl)
				return err
			}
			life := func(scope uint32) time.Duration {
				if scope == expiring {
					return time.Second
				}
				return day
			}
			// 94 are fewer than 15 times what was free; with three of another scope they are more.
			must := func(scope uint32, records int, ttl time.Duration) {
				t.Helper()
				for range records {
					if err := add(0, scope, ttl); err != nil {
						t.Fatal(err)
					}
				}
			}
			must(1, 1, life(1))
			must(2, 1, life(2))
			must(1, 93, day)
			must(2, 2, day)
			before := [2]int32{s.held[1].Load(), s.held[2].Load()}
			if err := add(int64(time.Second), 1, day); !errors.Is(err, core.ErrStoreFull) {
				t.Errorf("a scope with %d of 100 records, of which %d were free: %v", before[0], 100-before[0]-before[1], err)
			}
			before[expiring-1]--
			if got := [2]int32{s.held[1].Load(), s.held[2].Load()}; got != before {
				t.Errorf("the scopes hold %v, want %v", got, before)
			}
			if err := add(int64(time.Second), 2, day); err != nil {
				t.Errorf("the other: %v", err)
			}
		})
	}
}
