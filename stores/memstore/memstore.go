// Package memstore is the seen-id store in the memory of one process: nothing to set up, and fast.
//
//	v, err := core.New(core.Secrets(os.Getenv("WEBHOOK_SECRET")), memstore.New(), nil)
//
// # When to choose another store
//
// The records live and die with the process, and no other process sees them:
//
//   - It forgets at restart. [core.New] knows: attempts stamped before the start are answered 503 with Retry-After, and the
//     sender's next attempt, which carries a newer stamp, is taken. Schemes that sign no timestamp are refused, because nothing
//     would protect them after a restart.
//   - Two processes are two stores: several instances behind a load balancer, a rolling deployment while it lasts, fiber
//     with Prefork. The same message may then be handled once in each.
//
// Where either matters, use a store that is shared and durable.
//
// # Memory
//
// A record costs about 100 bytes, all in, and the garbage collector does not look into them. Nothing is allocated in
// advance for them. No goroutine runs: expired records are removed by the operations that follow, three at most in each, so that none takes
// long. Now and then one makes room for more, or sorts some thousand records by their time: a part of the table is busy for up to a millisecond
// then. Memory of expired records is reused, and given back when a part of the table empties.
//
// Time is the real one, not [core.Config.Clock]: in a test, testing/synctest moves it.
//
// # Full
//
// [Capacity] bounds the number of records. A store that is full drops handled messages whose replay window is over, the one
// whose window ended first before all others, and counts them: see [Store.Stats]. Such a message is still safe from replay,
// by its timestamp, but a late retry of the sender is no longer recognised. If there is none to drop, the store refuses new messages with an
// error that wraps [core.ErrStoreFull], and their senders are told to come back. It never evicts a record that protects.
package memstore

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hookonce/hookonce/core"
)

// Store is a [core.SeenStore] in memory. Make one with [New], for each verifier. It is safe for concurrent use.
type Store struct {
	capacity int64
	start    time.Time // expiries count from here on the monotonic clock: setting the wall clock cannot end one early
	seed     maphash.Seed
	shards   []shard
	// bounds mirrors those of each shard's queues, so that a full store finds what may go without locking them all.
	bounds [2][]atomic.Int64

	_                [64]byte // what follows is written all the time, and what precedes is not
	records, dropped atomic.Int64

	mu     sync.Mutex
	owners map[string]bool
}

// Option is an optional setting of [New].
type Option func(*Store)

const (
	defaultCapacity = 1 << 20 // about 100 MB once it is used up
	maxCapacity     = 1 << 30
)

// Capacity bounds the number of records, from 1 to 1 << 30; [core.New] reports another number. Default: 1 048 576.
//
// Every message holds one record for [core.Config.Remember], 25 hours by default. Capacity has to hold at least those of one replay
// window, which is past tolerance, future tolerance and a little more: ten minutes and a half by default.
func Capacity(n int) Option { return func(s *Store) { s.capacity = int64(n) } }

// New makes an empty store. It allocates little: memory grows with the records.
func New(opts ...Option) *Store {
	s := &Store{
		capacity: defaultCapacity,
		start:    time.Now(), //nolint:forbidigo // the store's own expiry clock; the replay window is core's
		seed:     maphash.MakeSeed(),
		owners:   make(map[string]bool),
	}
	for _, o := range opts {
		o(s)
	}
	// Small enough that growing one is short, and enough of them that callers rarely meet. No more, because each has a page that is being filled,
	// and those should fit into a processor's cache.
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
		sh.store = s
		for k := range sh.queues {
			sh.queues[k].published = &s.bounds[k][i]
			sh.queues[k].setBound(never)
		}
	}
	return s
}

const (
	minShards    = int64(16)
	shardRecords = 16384 // on average, at capacity
)

// Forgets reports true: see [core.SeenStore].
func (*Store) Forgets() bool { return true }

// Bind is called by [core.New]. It reports a store that was made wrongly, and one that already serves a verifier of the
// same scheme and source.
func (s *Store) Bind(owner string) error {
	if s.shards == nil {
		return errors.New("memstore: the zero Store is not ready for use: make it with memstore.New")
	}
	if s.capacity < 1 || s.capacity > maxCapacity {
		return fmt.Errorf("memstore: Capacity(%d): it must be from 1 to %d records", s.capacity, maxCapacity)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.owners[owner] {
		return fmt.Errorf("memstore: this store already serves another verifier (%s), and each would acknowledge the other's messages unseen: "+
			"give each verifier a store of its own, or name the sources with core.Secrets(...).From(name)", owner)
	}
	s.owners[owner] = true
	return nil
}

// Stats is the state of a [Store] at one moment.
type Stats struct {
	// Records is the number of records held. Expired ones count until a later operation removes them.
	Records int
	// Capacity is the bound on Records.
	Capacity int
	// Dropped counts the handled messages that were forgotten before their time, all after their replay window, because the store was
	// full. If it grows, [Capacity] is too small for the traffic.
	Dropped int
}

// Stats returns the state at this moment.
func (s *Store) Stats() Stats {
	return Stats{Records: int(s.records.Load()), Capacity: int(s.capacity), Dropped: int(s.dropped.Load())}
}

// Swap implements [core.SeenStore]. It does not block on anything but other calls, so ctx is only looked at when it begins.
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
		if !s.reserve() && !s.reclaim(s.now()) {
			return core.Value{}, fmt.Errorf("memstore: %w: all %d records are of unhandled messages or protect against replay: "+
				"raise memstore.Capacity, or find out who sends so much", core.ErrStoreFull, s.capacity)
		}
		reserved = true
	}
}

func (s *Store) hash(key *core.Key) uint64 { return maphash.Bytes(s.seed, key[:]) }

// age is what expiries count in: nanoseconds since the store's start.
func (s *Store) age() int64 { return int64(time.Since(s.start)) }

// clock is one reading of the time, in the unit of each queue.
type clock [2]int64

func (s *Store) now() clock {
	return clock{byExpiry: milli(s.age()), byWindow: time.Now().UnixMilli()} //nolint:forbidigo // see New
}

func milli(nano int64) int64 { return nano / int64(time.Millisecond) }

// reserve takes one place of the capacity.
func (s *Store) reserve() bool {
	if s.records.Add(1) <= s.capacity {
		return true
	}
	s.records.Add(-1)
	return false
}

// reclaim removes one record and leaves its place to the caller: an expired one, else the handled one whose window ended
// first. It reports whether there was one.
func (s *Store) reclaim(now clock) bool {
	for i := range s.shards {
		if s.bounds[byExpiry][i].Load() <= now[byExpiry] && s.shards[i].removeFirst(byExpiry, now[byExpiry]) {
			return true
		}
	}
	for {
		shard, first := 0, int64(never)
		for i := range s.bounds[byWindow] {
			if t := s.bounds[byWindow][i].Load(); t < first {
				shard, first = i, t
			}
		}
		if first > now[byWindow] || first == never {
			return false
		}
		if s.shards[shard].removeFirst(byWindow, first) {
			s.dropped.Add(1)
			return true
		}
	}
}
