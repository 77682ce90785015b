package memstore

import (
	"math/bits"
	"slices"
	"sync/atomic"
)

// queue finds the record of a shard that is due first. It is a trie of times
// relative to one of them, the focus. The highest digit of a time that differs
// from the focus determines the slot of the record. So slots are narrow near
// the focus and wide far from it. Adding or removing a record touches only its
// neighbors in the slot.
//
// When the first slot has many records, the earliest time in it becomes the
// focus, and its records are spread over narrower slots. That happens to a
// record a few times in its life, or never if it is removed before. For many
// earlier records the focus also moves back, and all later records are spread
// again when the earlier ones are gone. The queue reads no clock, so a clock
// that is set back has no effect.
//
// The records of a slot form a list of record numbers plus one, newest first. 0
// is the end.
type queue struct {
	published *atomic.Int64 // a copy of bound, read without the lock
	bound     int64         // a lower bound of the first due time
	focus     int64
	used      [levels]uint8 // one bit for each non-empty slot of the level
	slots     [levels * digits]uint16
}

const (
	digitBits = 3
	digits    = 1 << digitBits
	levels    = 15
	few       = 4  // up to this many records are not spread: all are checked
	several   = 64 // the same for records before the focus, for which the focus would have to move back and forth

	// never is the time of a record that is not in the queue. Other times, in
	// milliseconds, are smaller and not negative.
	never = 1 << (levels * digitBits)
)

// slot returns the slot of time t: the position of its highest digit that
// differs from the focus, and that digit.
func (q *queue) slot(t int64) int {
	level := (bits.Len64(uint64(t^q.focus)|1) - 1) / digitBits //nolint:gosec // both are positive
	return level*digits + digit(t, level)
}

func digit(t int64, level int) int { return int(t>>(level*digitBits)) & (digits - 1) }

// begin returns the earliest time of the slot. In a slot of level 0 it is the
// only time.
func (q *queue) begin(slot int) int64 {
	shift := slot / digits * digitBits
	return q.focus>>shift&^(digits-1)<<shift + int64(slot%digits)<<shift
}

// earliest returns the first slot that is not empty.
func (q *queue) earliest() (slot int, ok bool) {
	for level, used := range slices.Backward(q.used[:]) { // before the focus: the farthest first
		if early := used & (1<<digit(q.focus, level) - 1); early != 0 {
			return level*digits + bits.TrailingZeros8(early), true
		}
	}
	for level, used := range q.used { // from the focus on: the nearest first
		if used != 0 {
			return level*digits + bits.TrailingZeros8(used), true
		}
	}
	return 0, false
}

func (q *queue) setBound(t int64) {
	if q.bound != t {
		q.bound = t
		q.published.Store(t)
	}
}

// queue returns queue k, or nil if it was never used.
func (sh *shard) queue(k int) *queue {
	if k == byExpiry {
		return &sh.expiry
	}
	return sh.windows[k-byWindow]
}

// side returns the index of a record's neighbors in queue k.
func side(k int) int { return min(k, byWindow) }

// link adds record i to queue k, with time t.
func (sh *shard) link(k int, i uint16, t int64) {
	if t == never {
		return
	}
	q := sh.queue(k)
	if q == nil {
		q = &queue{published: &sh.store.bounds[k][sh.i], bound: never}
		sh.windows[k-byWindow] = q
	}
	if q.bound == never { // it is empty
		q.focus = t
	}
	q.setBound(min(q.bound, t))
	sh.push(k, i, q.slot(t))
}

func (sh *shard) push(k int, i uint16, slot int) {
	q, r, at := sh.queue(k), sh.at(i), side(k)
	next := q.slots[slot]
	q.slots[slot] = i + 1
	r.prev[at], r.next[at] = 0, next
	if next != 0 {
		sh.at(next - 1).prev[at] = i + 1
	} else {
		q.used[slot/digits] |= 1 << (slot % digits)
	}
}

// unlink removes record i, which has time t, from queue k.
func (sh *shard) unlink(k int, i uint16, t int64) {
	if t == never {
		return
	}
	q, r, at := sh.queue(k), sh.at(i), side(k)
	prev, next := r.prev[at], r.next[at]
	if next != 0 {
		sh.at(next - 1).prev[at] = prev
	}
	if prev != 0 {
		sh.at(prev - 1).next[at] = next
	} else {
		slot := q.slot(t)
		q.slots[slot] = next
		if next == 0 {
			q.used[slot/digits] &^= 1 << (slot % digits)
		}
	}
	if k != byExpiry && t == q.bound {
		sh.first(k, never) // and updates the bound
	}
}

// postpone moves record i of byExpiry from one time to another, usually within
// the same slot.
func (sh *shard) postpone(i uint16, from, to int64) {
	q := &sh.expiry
	if q.slot(from) == q.slot(to) {
		q.setBound(min(q.bound, to))
		return
	}
	sh.unlink(byExpiry, i, from)
	sh.link(byExpiry, i, to)
}

// renumber updates the neighbors of a record in queue k with time t: its number
// is now i.
func (sh *shard) renumber(k int, i uint16, t int64) {
	if t == never {
		return
	}
	r, at := sh.at(i), side(k)
	if next := r.next[at]; next != 0 {
		sh.at(next - 1).prev[at] = i + 1
	}
	if prev := r.prev[at]; prev != 0 {
		sh.at(prev - 1).next[at] = i + 1
		return
	}
	q := sh.queue(k)
	q.slots[q.slot(t)] = i + 1
}

// due returns the record of queue k that is due first, if it is due at the time
// now.
func (sh *shard) due(k int, now int64) (uint16, bool) {
	if q := sh.queue(k); q == nil || q.bound > now {
		return 0, false
	}
	i, t := sh.first(k, now)
	return i, t <= now && t != never
}

// first returns the record of queue k that is due first and its time, and sets
// the bound to that time. If no record is due at the time now, any bound later
// than now is enough.
func (sh *shard) first(k int, now int64) (i uint16, t int64) {
	q := sh.queue(k)
	t = never
	slot, ok := q.earliest()
	switch {
	case !ok:
	case slot < digits || q.begin(slot) > now:
		i, t = q.slots[slot]-1, q.begin(slot)
	default:
		n := 0
		for number := q.slots[slot]; number != 0; n++ {
			r := sh.at(number - 1)
			if u := r.due(k); u < t {
				i, t = number-1, u
			}
			number = r.next[side(k)]
		}
		if n > several || n > few && t > q.focus {
			sh.refocus(k, t)
		}
	}
	q.setBound(t)
	return i, t
}

// refocus makes t the focus of queue k. Only the slot of t and the slots of
// lower levels change. The lower slots are empty, unless t is before the focus.
func (sh *shard) refocus(k int, t int64) {
	q := sh.queue(k)
	slot := q.slot(t)
	q.focus = t
	for lower := range slot / digits * digits {
		sh.spread(k, lower)
	}
	sh.spread(k, slot)
}

// spread moves the records of a slot to their new slots.
func (sh *shard) spread(k int, slot int) {
	q := sh.queue(k)
	number := q.slots[slot]
	q.slots[slot] = 0
	q.used[slot/digits] &^= 1 << (slot % digits)
	for number != 0 {
		i, r := number-1, sh.at(number-1)
		number = r.next[side(k)]
		sh.push(k, i, q.slot(r.due(k)))
	}
}
