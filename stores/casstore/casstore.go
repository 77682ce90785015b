// Package casstore is a deduplication store in any engine with a
// compare-and-swap by revision, etag or precondition. Examples are NATS
// JetStream, etcd, memcached, DynamoDB, Consul, Cosmos DB and Firestore. The
// package imports no client. Pass two functions that use your program's client.
//
//	store := casstore.New("orders", casstore.Engine[int64]{Get: get, Put: put})
//	err := store.Check(ctx) // at start-up: does the engine compare revisions?
//
// docs/stores.md has both functions for NATS, etcd, memcached and DynamoDB. All
// are tested on real servers.
//
// # What the engine must guarantee
//
//   - A write with a revision is one atomic step: it happens only if the key
//     still has that revision. Of two writers with one revision, one wins.
//   - A revision is never reused. A key that was removed and written again has
//     another revision. While it has no value, its revision is the zero R.
//   - Reads are linearizable: Get returns the newest acknowledged value. Read
//     from the primary, without a cache. A stale value is detected if a write
//     is based on it, but not if it is only read.
//   - Acknowledged writes stay. An engine that evicts records, or drops the
//     oldest when it is full, is unsound. A full engine must return an error,
//     which Full recognizes.
//   - A value of 48 bytes is returned unchanged. A key is at most 129 ASCII
//     characters long: letters, digits, "-", "_" and one ".". Keys are
//     case-sensitive.
//
// The engine decides what an acknowledged write survives. A restart without
// persistence, or a failover to a replica that lags, loses records.
// docs/stores.md has the details for each engine. The store detects within a
// second that an engine lost all records: see [Store.KnownSince].
//
// # Expiry
//
// The expiry is part of the value. It is a time on the clock of the process
// that wrote the value. The process that reads the value compares the expiry
// with its own clock. If the sender signs a timestamp, the same clocks check
// it: a fast clock that ends a record early also refuses the attempts against
// which the record protected. Clocks may differ by [core.Config.Skew], as for
// every store.
//
// The engine's own expiry is therefore needed only to clean up. It may be
// coarse, late or absent, but never early. If the engine has none, run a job
// that deletes expired records. The last 8 bytes of a value are its expiry,
// big-endian, in Unix milliseconds. The job must also delete by revision.
package casstore

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/abandon"
	"github.com/hookonce/hookonce/internal/birth"
	"github.com/hookonce/hookonce/internal/owners"
)

// Engine is a compare-and-swap that uses the program's client. R is the
// client's type for a revision: a sequence number, an etag, or the value
// itself. Get and Put are called concurrently. They return an error for every
// unknown response.
type Engine[R any] struct {
	// Get returns the newest value of key and its revision. A key without a
	// value is not an error. In that case the value is nil, and the revision is
	// the one with which Put writes the first value.
	Get func(ctx context.Context, key string) (value []byte, revision R, err error)

	// Put writes value if the revision of key is still revision. The zero R
	// means that key has no value. Put returns false and no error if the key
	// has another revision. It returns an error if it is unknown whether the
	// value was written.
	//
	// The engine may remove the value after life, but not before. Each Put sets
	// life again. life is in whole seconds, and at least two seconds longer
	// than the record must live. So an engine that counts in seconds, or is not
	// precise, can use life unchanged.
	Put func(ctx context.Context, key string, value []byte, revision R, life time.Duration) (written bool, err error)

	// Full reports whether an error of Put means that the engine is full. Full
	// may be nil if nothing limits the engine, or if the errors of Put already
	// wrap [core.ErrStoreFull].
	Full func(err error) bool
}

// Store is a [core.SeenStore] in an [Engine]. Create one with [New] for each
// verifier. It is safe for concurrent use.
type Store struct {
	namespace string
	get       func(ctx context.Context, key string) ([]byte, any, error)
	put       func(ctx context.Context, key string, value []byte, revision any, life time.Duration) (bool, error)
	absent    any // the zero R
	calls     abandon.Calls
	birth     birth.Birth
	owners    *owners.Set
}

// New returns a [Store] that uses engine. Each verifier needs its own
// namespace. A namespace is 1 to 64 characters long: letters, digits, "-" and
// "_". Keys are the namespace, a "." and 64 hexadecimal digits. [core.New]
// reports an invalid namespace or engine.
func New[R any](namespace string, engine Engine[R]) *Store {
	var absent R
	s := &Store{namespace: namespace, absent: absent}
	s.owners = owners.New("casstore", "give each verifier a store with its own namespace")
	s.calls.Prefix = "casstore: "
	s.birth.Begin()
	if engine.Get == nil || engine.Put == nil {
		return s
	}
	s.get = func(ctx context.Context, key string) ([]byte, any, error) { return engine.Get(ctx, key) }
	s.put = func(ctx context.Context, key string, value []byte, revision any, life time.Duration) (bool, error) {
		r, _ := revision.(R) // it came from Get, or is the zero R
		written, err := engine.Put(ctx, key, value, r, life)
		if err != nil && engine.Full != nil && engine.Full(err) {
			err = fmt.Errorf("the engine is full: make room, or shorten core.Config.Remember: %w: %w", core.ErrStoreFull, err)
		}
		return written, err
	}
	return s
}

// Bind is called by [core.New]. It reports an invalid store, and a store that
// already serves a verifier of the same scheme and source. It cannot
// distinguish two stores with one namespace from two processes that share the
// namespace.
func (s *Store) Bind(owner string) error {
	if err := s.mistake(); err != nil {
		return err
	}
	return s.owners.Add(owner)
}

// mistake returns an error for an invalid argument of New.
func (s *Store) mistake() error {
	const most = 64
	bad := func(r rune) bool {
		return (r < 'a' || 'z' < r) && (r < 'A' || 'Z' < r) && (r < '0' || '9' < r) && r != '-' && r != '_'
	}
	switch {
	case s.owners == nil:
		return errors.New("casstore: the zero Store cannot be used: create the store with casstore.New")
	case s.get == nil:
		return errors.New("casstore: the engine lacks Get or Put: set both fields of casstore.Engine")
	case s.namespace == "" || len(s.namespace) > most || strings.ContainsFunc(s.namespace, bad):
		return fmt.Errorf("casstore: the namespace %.70q must be 1 to %d ASCII letters, digits, hyphens or underscores. Name it after the endpoint, as in "+
			"casstore.New(\"orders\", engine)", s.namespace, most)
	}
	return nil
}

// Swap implements [core.SeenStore]. It returns when ctx ends, even if the
// client still waits.
func (s *Store) Swap(ctx context.Context, key core.Key, old, next core.Value, ttl time.Duration) (core.Value, error) {
	if err := ctx.Err(); err != nil {
		return core.Value{}, err
	}
	if err := s.mistake(); err != nil {
		return core.Value{}, err
	}
	live, err := leave(ctx, s, func() (core.Value, error) {
		if old == (core.Value{}) { // a claim
			if err := s.look(ctx); err != nil {
				return core.Value{}, err
			}
		}
		return s.swap(ctx, s.namespace+"."+hex.EncodeToString(key[:]), old, next, newRecord(next, ttl))
	})
	if err != nil {
		s.birth.Look()
	}
	return live, err
}

// rounds bounds the writes of one call. If a write fails, another write
// happened, and the next read returns a value other than old. So three rounds
// are enough.
const rounds = 5

// swap writes first if it expects no value. For most claims that is right, and
// takes one call to the engine instead of two.
func (s *Store) swap(ctx context.Context, name string, old, next core.Value, r record) (core.Value, error) {
	revision := s.absent
	for round := range rounds {
		if round > 0 || old != (core.Value{}) {
			value, found, err := s.get(ctx, name)
			if err != nil {
				return core.Value{}, fmt.Errorf("casstore: reading a record: %w", err)
			}
			live, err := liveValue(value)
			if err != nil || live != old { // live is next if this call was already made and its reply was lost
				return live, err
			}
			revision = found
		}
		if err := ctx.Err(); err != nil { // the caller no longer waits: a write would be a claim without a handler
			return core.Value{}, err
		}
		written, err := s.put(ctx, name, r.value[:], revision, r.life)
		if err != nil {
			return core.Value{}, fmt.Errorf("casstore: writing a record: %w", err)
		}
		if written {
			return next, nil
		}
	}
	return core.Value{}, fmt.Errorf("casstore: the engine refused %d writes in a row, each with the revision that Get had just returned. Get must read "+
		"from the primary, not from a cache, and revisions must be enabled: start memcached without -C, which disables them", rounds)
}

// record is the encoding of a value: its 40 bytes, and 8 bytes of its expiry in
// Unix milliseconds.
type record struct {
	value [len(core.Value{}) + 8]byte
	life  time.Duration
}

// newRecord rounds the record's expiry up to milliseconds, and the engine's
// expiry up to seconds. The engine's expiry is later: it is measured from the
// write, and has a spare second for engines that round to their own seconds.
func newRecord(v core.Value, ttl time.Duration) record {
	const longest = 200 * 365 * 24 * time.Hour
	ttl = min(ttl, longest) // rounding up a longer Duration would overflow
	var r record
	expires := time.Now().Add(ttl).UnixMilli() + 1 //nolint:forbidigo // the store's own expiry clock; core determines the replay window
	copy(r.value[:], v[:])
	binary.BigEndian.PutUint64(r.value[len(v):], uint64(expires))
	r.life = (ttl + time.Second - 1).Truncate(time.Second) + 2*time.Second
	return r
}

// liveValue returns the value of a record in the engine, or none if the record
// is expired.
func liveValue(text []byte) (v core.Value, err error) {
	if text == nil {
		return v, nil
	}
	if len(text) != len(record{}.value) {
		return v, fmt.Errorf("casstore: a key of this namespace has a value of %d bytes, which is not a record of this store. Give the store a namespace that "+
			"nothing else writes to, and make Get return the bytes that Put received", len(text))
	}
	if time.Now().Before(expiryOf(text)) { //nolint:forbidigo // see newRecord
		copy(v[:], text)
	}
	return v, nil
}

// expiryOf returns the expiry of a record, or the zero time if there is none.
func expiryOf(text []byte) time.Time {
	if len(text) != len(record{}.value) {
		return time.Time{}
	}
	return time.UnixMilli(int64(binary.BigEndian.Uint64(text[len(core.Value{}):]))) //nolint:gosec // written from an int64
}

// leave calls f and returns at the latest when ctx ends. Clients have their own
// timeouts, which are longer than a request may take, and not all clients
// respect ctx. After ctx has ended, the call continues in the background until
// the client's timeout.
func leave[T any](ctx context.Context, s *Store, f func() (T, error)) (T, error) {
	value, err := abandon.Call(ctx, &s.calls, f)
	switch end := ctx.Err(); {
	case end == nil || !errors.Is(err, end):
	case errors.Is(end, context.Canceled):
		err = fmt.Errorf("casstore: the call was cancelled: %w", err)
	default:
		err = fmt.Errorf("casstore: the engine did not respond in time: it is stalled, too slow or unreachable. Check that the engine runs, and check the "+
			"client's address: %w", err)
	}
	return value, err
}
