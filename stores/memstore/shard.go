package memstore

import (
	"errors"
	"math"
	"sync"
	"time"

	"github.com/hookonce/hookonce/core"
)

// shard is one part of the table. Records are packed in pages, in no order. Two
// kinds of structures refer to them by number: a hash index with open
// addressing and linear probing, and queues. One queue finds the record that
// expires first. One queue for each class of scopes finds the handled record
// whose window ends first. Only the list of pages points to the records.
type shard struct {
	mu    sync.Mutex
	n     int // records
	pages []*page
	// cells is the index: 0, or 16 bits of the hash and the number of the
	// record plus one. The hash bits avoid most reads of other records. They
	// also suffice to place a cell again, so growing touches no record.
	cells []uint32

	store   *Store
	i       int // the index of this shard in the store
	expiry  queue
	windows [classes]*queue // nil until a record needs it

	// Pads the shard to 512 bytes, also with 32-bit words, so that no two
	// shards share a cache line or a pair of cache lines.
	_ [128 - 104*(^uint(0)>>63)]byte
}

// classes is the number of classes of scopes. A scope that has its share drops
// only records of its class, which includes its own, so it cannot displace the
// records of all others.
const classes = 16

// The queues.
const (
	byExpiry = iota // of all records, in milliseconds since the store's start, rounded up
	byWindow        // from here on: of the handled records of a class, in Unix milliseconds; the bound is exact
	queues   = byWindow + classes
)

// windowOf returns the byWindow queue of a scope.
func windowOf(scope int) int { return byWindow + scope%classes }

// page is 8 KiB, a size class of the allocator.
type page [pageRecords]record

const pageRecords = 93

// record is 88 bytes.
type record struct {
	key     core.Key
	value   core.Value
	expires int64     // nanoseconds since the store's start
	next    [2]uint16 // the neighbors in byExpiry and in a byWindow queue
	prev    [2]uint16
}

// queues returns the queues that the record may be in.
func (r *record) queues() [2]int { return [2]int{byExpiry, windowOf(scopeOf(&r.key))} }

// due returns the time by which queue k orders the record.
func (r *record) due(k int) int64 {
	switch {
	case k == byExpiry:
		return milli(r.expires-1) + 1
	case r.value.Handled():
		return min(max(0, r.value.WindowEnd().UnixMilli()), never)
	default:
		return never
	}
}

const (
	minCells   = 64
	maxCells   = 1 << 16             // as many as 16 bits of hash can distinguish
	maxRecords = maxCells / 4 * 3    // three times the average: only a broken hash reaches it
	sweep      = 2                   // expired records that an operation removes, besides one whose place it uses
	spare      = pageRecords * 3 / 2 // unused memory kept, in records
)

// errNoPlace reports that a new record needs a place of the store's capacity.
var errNoPlace = errors.New("no place")

// swap does the work of [Store.Swap]. It uses a place that the caller reserved
// for a new record, or returns it.
func (sh *shard) swap(now int64, tag uint16, key *core.Key, old, next *core.Value, ttl time.Duration, reserved bool) (live core.Value, err error) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	expires := now + min(max(0, int64(ttl)), math.MaxInt64-now)
	i, found := sh.find(tag, key)
	if found && sh.at(i).expires <= now {
		sh.expire(i)
		found = false
	}
	switch {
	case found:
		r := sh.at(i)
		if r.value == *old {
			sh.replace(i, next, expires)
		}
		live = r.value
	case *old == (core.Value{}):
		i, err = sh.room(milli(now), scopeOf(key), reserved)
		if err != nil {
			return live, err
		}
		reserved = false
		sh.put(i, tag, key, next, expires)
		live = *next
	}
	if reserved {
		sh.store.release(scopeOf(key))
	}
	for range sweep {
		i, expired := sh.due(byExpiry, milli(now))
		if !expired {
			break
		}
		sh.expire(i)
	}
	return live, nil
}

// room returns the number for a new record of scope: the number of an expired
// record, which it removes, or the next number.
func (sh *shard) room(now int64, scope int, reserved bool) (uint16, error) {
	if i, expired := sh.due(byExpiry, now); expired {
		switch was := scopeOf(&sh.at(i).key); {
		case reserved:
			sh.store.release(was)
		case was == scope && sh.store.within(scope):
		case was != scope && sh.store.charge(scope):
			sh.store.held[was].Add(-1)
		default: // scope has its share: the place is for other scopes
			sh.expire(i)
			return 0, errNoPlace
		}
		sh.detach(i)
		return i, nil
	}
	if !reserved && !sh.store.reserve(scope) {
		return 0, errNoPlace
	}
	if sh.n == maxRecords {
		sh.store.release(scope)
		return 0, core.ErrStoreFull
	}
	if sh.n == len(sh.pages)*pageRecords {
		sh.pages = append(sh.pages, new(page))
	}
	if (sh.n+1)*4 > len(sh.cells)*3 {
		sh.resize(max(minCells, 2*len(sh.cells)))
	}
	sh.n++
	return uint16(sh.n - 1), nil //nolint:gosec // under maxRecords
}

// removeFirst removes the first record of queue k, if it is due at time now.
// Its place goes to the caller.
func (sh *shard) removeFirst(k int, now int64) bool {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	i, due := sh.due(k, now)
	if due {
		sh.store.held[scopeOf(&sh.at(i).key)].Add(-1)
		sh.remove(i)
	}
	return due
}

// at returns the memory of record i.
func (sh *shard) at(i uint16) *record { return &sh.pages[i/pageRecords][i%pageRecords] }

// put stores a new record under number i.
func (sh *shard) put(i, tag uint16, key *core.Key, value *core.Value, expires int64) {
	r := sh.at(i)
	r.key, r.value, r.expires = *key, *value, expires
	sh.place(cell(tag, i))
	for _, k := range r.queues() {
		sh.link(k, i, r.due(k))
	}
}

// replace gives record i another value and expiry.
func (sh *shard) replace(i uint16, value *core.Value, expires int64) {
	r := sh.at(i)
	window := windowOf(scopeOf(&r.key))
	sh.unlink(window, i, r.due(window))
	from := r.due(byExpiry)
	r.value, r.expires = *value, expires
	sh.postpone(i, from, r.due(byExpiry))
	sh.link(window, i, r.due(window))
}

// detach removes record i from the index and the queues.
func (sh *shard) detach(i uint16) {
	sh.displace(sh.cellOf(i))
	r := sh.at(i)
	for _, k := range r.queues() {
		sh.unlink(k, i, r.due(k))
	}
}

// expire removes record i and returns its place.
func (sh *shard) expire(i uint16) {
	sh.store.release(scopeOf(&sh.at(i).key))
	sh.remove(i)
}

// remove removes record i and moves the last one into the gap.
func (sh *shard) remove(i uint16) {
	sh.detach(i)
	sh.n--
	if last := uint16(sh.n); i != last { //nolint:gosec // under maxRecords
		c := sh.cellOf(last)
		sh.cells[c] = cell(uint16(sh.cells[c]>>16), i)
		r := sh.at(i)
		*r = *sh.at(last)
		for _, k := range r.queues() {
			sh.renumber(k, i, r.due(k))
		}
	}
	if len(sh.pages)*pageRecords-sh.n > spare {
		sh.pages[len(sh.pages)-1] = nil
		sh.pages = sh.pages[:len(sh.pages)-1]
	}
	if len(sh.cells) > minCells && sh.n*6 < len(sh.cells) {
		sh.resize(len(sh.cells) / 2)
	}
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

// place puts a cell into the first free position from its home on.
func (sh *shard) place(c uint32) {
	mask := sh.mask()
	p := c >> 16 & mask
	for sh.cells[p] != 0 {
		p = (p + 1) & mask
	}
	sh.cells[p] = c
}

// displace empties position gap and moves later cells up that can be nearer to
// their home.
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
