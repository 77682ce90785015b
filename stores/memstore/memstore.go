// Package memstore is a deduplication store in the memory of one process. It
// needs no setup and is fast.
//
//	v, err := core.New(core.Secrets(os.Getenv("WEBHOOK_SECRET")), memstore.New(), nil)
//
// # When to choose another store
//
// The records end with the process, and no other process can read them:
//
//   - A restart loses all records. So the verifier responds 503 with
//     Retry-After to attempts with a timestamp before the start. If the sender
//     signs a new timestamp for each attempt, a later attempt is accepted. By
//     default core.New refuses schemes that sign no timestamp, because nothing
//     would protect their messages after a restart.
//   - Each process has a separate store: several instances behind a load
//     balancer, a rolling deployment, fiber with Prefork. Each process may
//     handle the same message once.
//
// If either matters, use a store that is shared and durable.
//
// # Start with the clock synchronized
//
// If the clock is slow when the program starts, messages that were handled
// shortly before the restart can be handled once more. Start the program after
// the clock is synchronized (systemd: After=time-sync.target). See [stores] for
// details.
//
// # Memory
//
// A record takes about 100 bytes. The garbage collector does not scan records,
// and the store has no goroutine. Each operation also removes a few expired
// records. Occasionally an operation grows or sorts a part of the table, which
// is then locked for about a millisecond.
//
// The store uses real time, not core.Config.Clock. In a test, use
// testing/synctest to move the time.
//
// # When the store is full
//
// [Capacity] limits the number of records. A full store drops handled messages
// whose replay window is over, oldest first, and counts them in Store.Stats. If
// the sender signs a timestamp, the tolerance still protects them against
// replay. On a late retry by the sender the handler runs again. If there is no
// such message to drop, the store refuses new records with an error that wraps
// [core.ErrStoreFull], and their senders retry later. The store never evicts a
// record within its replay window.
//
// # Shares
//
// One tenant cannot use up the capacity of the others. A tenant may have at
// most 15 times as many records as there are free places. Tenants are counted
// in 4,096 groups, by a hash of their names, so two may share a count. That is
// 15/16 of the capacity for one tenant, or 15/31 each for two that take all
// they can. See [stores] for the shares of a full memstore.
//
// [stores]: https://github.com/hookonce/hookonce/blob/main/docs/stores.md#run-memstore
package memstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"sync/atomic"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/owners"
)

// Store is a [core.SeenStore] in memory. Create one with [New] for each
// verifier. It is safe for concurrent use.
type Store struct {
	capacity int64
	start    time.Time // expiries are measured from start on the monotonic clock: setting the wall clock cannot end a record early
	seed     maphash.Seed
	shards   []shard
	// bounds mirrors the bounds of each shard's queues, so that a full store
	// finds a record to drop without locking all shards.
	bounds [queues][]atomic.Int64
	held   []atomic.Int32 // records of each scope

	_                [64]byte // separates the fields below, which are written often, from those above
	records, dropped atomic.Int64

	owners *owners.Set
}

// Option is an optional setting of [New].
type Option func(*Store)

const (
	defaultCapacity = 1 << 20 // about 100 MB when full
	maxCapacity     = 1 << 30
)

// Capacity limits the number of records. n must be from 1 to 1 << 30.
// [core.New] reports any other number. Default: 1,048,576.
//
// A handled message takes one record for [core.Config.Remember], 25 hours by
// default, and another one if unsigned ids are part of its identity. Capacity
// must be at least the number of records in one replay window. The window is
// the past tolerance, the future tolerance and a margin: ten and a half minutes
// by default. If the sender signs no timestamp, the window is Remember.
func Capacity(n int) Option { return func(s *Store) { s.capacity = int64(n) } }

// New returns an empty store. It allocates little: memory grows with the
// records.
func New(opts ...Option) *Store {
	s := &Store{
		capacity: defaultCapacity,
		start:    time.Now(), //nolint:forbidigo // the store's own expiry clock; core determines the replay window
		seed:     maphash.MakeSeed(),
		owners:   owners.New("memstore", "give each verifier its own store, or name the tenants with core.Secrets(...).From(name)"),
	}
	for _, o := range opts {
		o(s)
	}
	// Shards are small, so that growing one is quick, and numerous, so that callers rarely contend.
	// More shards would need more cache: each shard has a page that is being filled.
	n := minShards
	for n*shardRecords < min(s.capacity, maxCapacity) {
		n *= 2
	}
	s.shards = make([]shard, n)
	for k := range s.bounds {
		s.bounds[k] = make([]atomic.Int64, n)
	}
	for i := range s.shards {
		sh := &s.shards[i]
		sh.store, sh.i = s, i
		for k := range s.bounds {
			s.bounds[k][i].Store(never)
		}
		sh.expiry.published, sh.expiry.bound = &s.bounds[byExpiry][i], never
	}
	s.held = make([]atomic.Int32, scopes)
	return s
}

const (
	minShards    = int64(16)
	shardRecords = 16384 // on average, at capacity
)

// Forgets reports true: see [core.SeenStore].
func (*Store) Forgets() bool { return true }

// Bind is called by [core.New]. It reports an invalid store, and a store that
// already serves a verifier of the same scheme and source.
func (s *Store) Bind(owner string) error {
	if s.shards == nil {
		return errors.New("memstore: the zero Store cannot be used: create the store with memstore.New")
	}
	if s.capacity < 1 || s.capacity > maxCapacity {
		return fmt.Errorf("memstore: Capacity(%d) is out of range: use 1 to %d records", s.capacity, maxCapacity)
	}
	return s.owners.Add(owner)
}

// Stats is the state of a [Store] at one moment.
type Stats struct {
	// Records is the number of records in the store. Expired records count
	// until a later operation removes them.
	Records int
	// Capacity is the limit on Records.
	Capacity int
	// Dropped counts the handled messages that were dropped before they
	// expired, all after their replay window, because the store was full. If it
	// grows, [Capacity] is too small for the traffic.
	Dropped int
}

// Stats returns the current state.
func (s *Store) Stats() Stats {
	return Stats{Records: int(s.records.Load()), Capacity: int(s.capacity), Dropped: int(s.dropped.Load())}
}

// Swap implements [core.SeenStore]. It blocks only on other calls, so it checks
// ctx only at the start.
func (s *Store) Swap(ctx context.Context, key core.Key, old, next core.Value, ttl time.Duration) (core.Value, error) {
	if err := ctx.Err(); err != nil {
		return core.Value{}, fmt.Errorf("memstore: swap: %w", err)
	}
	hash := s.hash(&key)
	sh := &s.shards[hash>>32&uint64(len(s.shards)-1)] //nolint:gosec // a length is not negative
	reserved := false
	for {
		live, err := sh.swap(s.age(), uint16(hash&math.MaxUint16), &key, &old, &next, ttl, reserved)
		if !errors.Is(err, errNoPlace) {
			return live, err
		}
		if scope := scopeOf(&key); !s.reserve(scope) && !s.reclaim(scope, s.now()) {
			return core.Value{}, s.full(scope)
		}
		reserved = true
	}
}

// full returns the error for a scope that gets no place.
func (s *Store) full(scope int) error {
	if held := s.held[scope].Load(); int64(held) >= s.share() {
		return fmt.Errorf("memstore: %w: this tenant has %d of %d records, and all of them belong to unhandled messages or are within their replay "+
			"window. The rest is reserved for other tenants: find out why this tenant sends so many messages, or raise memstore.Capacity", core.ErrStoreFull, held, s.capacity)
	}
	return fmt.Errorf("memstore: %w: all %d records belong to unhandled messages or are within their replay window: raise memstore.Capacity, or find "+
		"out who sends so many messages", core.ErrStoreFull, s.capacity)
}

func (s *Store) hash(key *core.Key) uint64 { return maphash.Bytes(s.seed, key[:]) }

// age returns the time in the unit of expiries: nanoseconds since the store's
// start.
func (s *Store) age() int64 { return int64(time.Since(s.start)) }

// clock is one reading of the time, in the units of byExpiry and byWindow.
type clock [2]int64

func (s *Store) now() clock {
	return clock{byExpiry: milli(s.age()), byWindow: time.Now().UnixMilli()} //nolint:forbidigo // see New
}

func milli(nano int64) int64 { return nano / int64(time.Millisecond) }

// Scope is called by core for the key of each message: see [core.SeenStore].
// The result is a hash with a random seed of this store, so an attacker cannot
// choose a source name that has the same result as another.
func (s *Store) Scope(scheme, source string) uint32 {
	return uint32(maphash.String(s.seed, scheme)>>32 ^ maphash.String(s.seed, source)) //nolint:gosec // half of the hash is as good
}

const (
	scopes = 1 << 12 // number of separate counts; a power of two
	// shares bounds a scope: it may have this many times as many records as
	// there are free places. One scope that takes all it can leaves a sixteenth
	// of the capacity, two leave a 31st. So there is always room for a later
	// scope, whatever the others do.
	shares = 15
	// atOnce is how many expired records of other shards a caller removes.
	atOnce = 4
)

// scopeOf returns the scope to which a record with this key belongs.
func scopeOf(key *core.Key) int { return int(binary.BigEndian.Uint32(key[:]) % scopes) }

// share returns how many records a scope may have now. It is not 0 if nothing
// is free: a scope with few records may then displace any record that may be
// dropped.
func (s *Store) share() int64 { return shares * (max(0, s.capacity-s.records.Load()) + 1) }

// within reports whether the scope has no more than its share.
func (s *Store) within(scope int) bool { return int64(s.held[scope].Load()) <= s.share() }

// charge counts one more record of scope if that is within its share.
func (s *Store) charge(scope int) bool {
	if int64(s.held[scope].Add(1)) <= s.share() {
		return true
	}
	s.held[scope].Add(-1)
	return false
}

// reserve takes one place of the capacity for scope.
func (s *Store) reserve(scope int) bool {
	if !s.charge(scope) {
		return false
	}
	if s.records.Add(1) <= s.capacity {
		return true
	}
	s.release(scope)
	return false
}

// release returns a place of scope.
func (s *Store) release(scope int) {
	s.held[scope].Add(-1)
	s.records.Add(-1)
}

// reclaim removes one record and gives its place to scope: an expired record,
// or else the handled record whose window ended first. A scope that already has
// its share displaces only records of its class. A scope that has more, because
// other scopes arrived since, gives up two records for one place. reclaim
// reports whether there was a place.
func (s *Store) reclaim(scope int, now clock) bool {
	n := 0
	for i := 0; i < len(s.shards) && n < atOnce; i++ {
		if s.bounds[byExpiry][i].Load() <= now[byExpiry] && s.shards[i].removeFirst(byExpiry, now[byExpiry]) {
			if s.charge(scope) {
				return true
			}
			s.records.Add(-1)
			n++
		}
	}
	if n > 0 && s.reserve(scope) {
		return true
	}
	from, to := byWindow, queues
	if int64(s.held[scope].Load()) >= s.share() {
		from = windowOf(scope)
		to = from + 1
	}
	if !s.drop(from, to, now[byWindow]) {
		return false
	}
	if int64(s.held[scope].Add(1)) > s.share() && s.drop(from, to, now[byWindow]) {
		s.records.Add(-1)
	}
	return true
}

// drop removes the handled record whose window ended first from a range of
// queues. Its place goes to the caller.
func (s *Store) drop(from, to int, now int64) bool {
	for {
		queue, shard, first := 0, 0, int64(never)
		for k := from; k < to; k++ {
			for i := range s.bounds[k] {
				if t := s.bounds[k][i].Load(); t < first {
					queue, shard, first = k, i, t
				}
			}
		}
		if first > now || first == never {
			return false
		}
		if s.shards[shard].removeFirst(queue, first) {
			s.dropped.Add(1)
			return true
		}
	}
}
