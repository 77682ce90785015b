package memstore

import (
	"errors"
	"math"
	"sync"
	"time"

	"github.com/hookonce/hookonce/core"
)

// shard is one part of the table. Records lie densely in pages, in no order. Three structures refer to them by number:
// a hash index, open addressing with linear probing, and two heaps that know which record expires first and which handled
// one's window ends first. Nothing but the list of pages holds a pointer.
type shard struct {
	store *Store
	id    int

	mu    sync.Mutex
	n     int // records
	pages []*page
	// cells is the index: 0, or 16 bits of the hash and the number of the record plus one. The hash bits spare most looks at
	// other records; they are also enough to place a cell anew, so growing touches no record.
	cells []uint32

	_ [32]byte // to 128: no two shards share a cache line
}

// page is 8 KiB, which is what the allocator hands out for it.
type page [pageRecords]record

const pageRecords = 93

// record is 88 bytes.
type record struct {
	key     core.Key
	value   core.Value
	expires int64     // nanoseconds since the store's start
	pos     [2]uint16 // where this record stands in each heap
	heap    [2]uint16 // not of this record: element i of heap k is the number in heap[k] of the i-th record's memory
}

// The heaps.
const (
	byExpiry = iota
	byWindow
)

const (
	never      = math.MaxInt64
	minCells   = 64
	maxCells   = 1 << 16             // what 16 bits of hash can tell apart
	maxRecords = maxCells / 4 * 3    // twelve times the average: only a broken hash gets there
	sweep      = 2                   // expired records removed by an operation: one more than it can add
	spare      = pageRecords * 3 / 2 // unused memory kept, in records
)

// errNoPlace: a new record needs a place of the store's capacity.
var errNoPlace = errors.New("no place")

// swap does the work of [Store.Swap]. A place that the caller reserved is used for a new record or given back.
func (sh *shard) swap(tag uint16, key *core.Key, old, next *core.Value, ttl time.Duration, reserved bool) (core.Value, error) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	now := sh.store.age()
	for range sweep {
		if sh.store.first[byExpiry][sh.id].Load() <= now {
			sh.remove(sh.at(0).heap[byExpiry])
			sh.store.records.Add(-1)
		}
	}
	expires := int64(never)
	if int64(ttl) < never-now {
		expires = now + int64(ttl)
	}

	i, found := sh.find(tag, key)
	if found && sh.at(i).expires <= now {
		sh.remove(i)
		sh.store.records.Add(-1)
		found = false
	}
	if found || *old != (core.Value{}) {
		if reserved {
			sh.store.records.Add(-1)
		}
		if !found {
			return core.Value{}, nil
		}
		r := sh.at(i)
		if r.value == *old {
			r.value, r.expires = *next, expires
			sh.fix(byExpiry, r.pos[byExpiry])
			sh.fix(byWindow, r.pos[byWindow])
			sh.publish()
		}
		return r.value, nil
	}
	if !reserved && !sh.store.reserve() {
		return core.Value{}, errNoPlace
	}
	if sh.n == maxRecords {
		sh.store.records.Add(-1)
		return core.Value{}, core.ErrStoreFull
	}
	sh.insert(tag, key, next, expires)
	return *next, nil
}

// removeFirst removes the root of heap k, if it is still the one at time first.
func (sh *shard) removeFirst(k int, first int64) bool {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.first(k) != first {
		return false
	}
	sh.remove(sh.at(0).heap[k])
	return true
}

// publish shows the roots of the heaps to [Store.reclaim], and to swap, for which a look at the heap is a cache miss or two.
func (sh *shard) publish() {
	for k := range sh.store.first {
		if m, t := &sh.store.first[k][sh.id], sh.first(k); m.Load() != t {
			m.Store(t)
		}
	}
}

// at returns the memory of record i.
func (sh *shard) at(i uint16) *record { return &sh.pages[i/pageRecords][i%pageRecords] }

// insert adds a record that is not there.
func (sh *shard) insert(tag uint16, key *core.Key, value *core.Value, expires int64) {
	if sh.n == len(sh.pages)*pageRecords {
		sh.pages = append(sh.pages, new(page))
	}
	if (sh.n+1)*4 > len(sh.cells)*3 {
		sh.resize(max(minCells, 2*len(sh.cells)))
	}
	i := uint16(sh.n) //nolint:gosec // under maxRecords
	sh.n++
	r := sh.at(i)
	r.key, r.value, r.expires = *key, *value, expires
	sh.place(cell(tag, i))
	for k := range r.pos {
		r.heap[k], r.pos[k] = i, i
		sh.fix(k, i)
	}
	sh.publish()
}

// remove takes record i out, and moves the last one into the gap.
func (sh *shard) remove(i uint16) {
	last := uint16(sh.n - 1) //nolint:gosec // under maxRecords
	r, l := sh.at(i), sh.at(last)
	sh.displace(sh.cellOf(i))
	sh.n--
	for k := range r.pos {
		gap := r.pos[k]
		sh.set(k, gap, l.heap[k])
		if gap != last {
			sh.fix(k, gap)
		}
	}
	if i != last {
		sh.cells[sh.cellOf(last)] = cell(sh.tag(last), i)
		r.key, r.value, r.expires = l.key, l.value, l.expires
		for k := range l.pos {
			sh.set(k, l.pos[k], i)
		}
	}
	if len(sh.pages)*pageRecords-sh.n > spare {
		sh.pages[len(sh.pages)-1] = nil
		sh.pages = sh.pages[:len(sh.pages)-1]
	}
	if len(sh.cells) > minCells && sh.n*6 < len(sh.cells) {
		sh.resize(len(sh.cells) / 2)
	}
	sh.publish()
}

// The index.

func cell(tag, i uint16) uint32 { return uint32(tag)<<16 | uint32(i) + 1 }

func (sh *shard) tag(i uint16) uint16 {
	return uint16(sh.store.hash(&sh.at(i).key) & math.MaxUint16)
}

// mask turns hash bits into a position.
func (sh *shard) mask() uint32 { return uint32(len(sh.cells) - 1) } //nolint:gosec // at most maxCells

func (sh *shard) find(tag uint16, key *core.Key) (uint16, bool) {
	if sh.n == 0 {
		return 0, false
	}
	mask := sh.mask()
	for p := uint32(tag) & mask; sh.cells[p] != 0; p = (p + 1) & mask {
		if c := sh.cells[p]; c>>16 == uint32(tag) {
			if i := uint16(c&math.MaxUint16 - 1); sh.at(i).key == *key {
				return i, true
			}
		}
	}
	return 0, false
}

// cellOf returns the position of the cell of record i, which has one.
func (sh *shard) cellOf(i uint16) uint32 {
	tag := sh.tag(i)
	mask := sh.mask()
	p := uint32(tag) & mask
	for sh.cells[p] != cell(tag, i) {
		p = (p + 1) & mask
	}
	return p
}

// place puts a cell at the first free position from its home on.
func (sh *shard) place(c uint32) {
	mask := sh.mask()
	p := c >> 16 & mask
	for sh.cells[p] != 0 {
		p = (p + 1) & mask
	}
	sh.cells[p] = c
}

// displace empties position gap and moves up those behind it that may stand nearer to their home.
func (sh *shard) displace(gap uint32) {
	mask := sh.mask()
	for p := (gap + 1) & mask; sh.cells[p] != 0; p = (p + 1) & mask {
		home := sh.cells[p] >> 16 & mask
		if (p-home)&mask >= (p-gap)&mask {
			sh.cells[gap] = sh.cells[p]
			gap = p
		}
	}
	sh.cells[gap] = 0
}

// resize gives the index a new length, a power of two.
func (sh *shard) resize(length int) {
	cells := sh.cells
	sh.cells = make([]uint32, length)
	for _, c := range cells {
		if c != 0 {
			sh.place(c)
		}
	}
}

// The heaps.

// when is what heap k orders record i by. Only handled records have a place in byWindow; the others stand at its end.
func (sh *shard) when(k int, i uint16) int64 {
	r := sh.at(i)
	switch {
	case k == byExpiry:
		return r.expires
	case r.value.Handled():
		return r.value.WindowEnd().UnixMilli()
	default:
		return never
	}
}

// first is when the root of heap k is due.
func (sh *shard) first(k int) int64 {
	if sh.n == 0 {
		return never
	}
	return sh.when(k, sh.at(0).heap[k])
}

// set makes record i the element p of heap k.
func (sh *shard) set(k int, p, i uint16) {
	sh.at(p).heap[k] = i
	sh.at(i).pos[k] = p
}

// fix restores the order of heap k after the element at p has changed.
func (sh *shard) fix(k int, p uint16) {
	i := sh.at(p).heap[k]
	t := sh.when(k, i)
	for p > 0 {
		up := (p - 1) / 2
		other := sh.at(up).heap[k]
		if sh.when(k, other) <= t {
			break
		}
		sh.set(k, p, other)
		p = up
	}
	for {
		down := 2*int(p) + 1
		if down >= sh.n {
			break
		}
		child := uint16(down) //nolint:gosec // under maxRecords
		if down+1 < sh.n && sh.when(k, sh.at(child + 1).heap[k]) < sh.when(k, sh.at(child).heap[k]) {
			child++
		}
		other := sh.at(child).heap[k]
		if sh.when(k, other) >= t {
			break
		}
		sh.set(k, p, other)
		p = child
	}
	sh.set(k, p, i)
}
