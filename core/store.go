package core

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"
)

// Key names a record in a [SeenStore]. It is derived from a SHA-256 of the
// length-prefixed scheme, source and identity of the message. If the store has
// the optional method Scope, the result of Scope replaces the first four bytes,
// big-endian. Any 32 bytes are a valid key.
type Key [32]byte

// MarshalText returns the key in hexadecimal, as in logs. It implements
// [encoding.TextMarshaler].
func (k Key) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, k[:]), nil }

// UnmarshalText parses the output of [Key.MarshalText]. It implements
// [encoding.TextUnmarshaler].
func (k *Key) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(k)) {
		return fmt.Errorf("hookonce: a key has %d hexadecimal digits, but this text has %d bytes", hex.EncodedLen(len(k)), len(text))
	}
	if _, err := hex.Decode(k[:], text); err != nil {
		return fmt.Errorf("hookonce: the key is not hexadecimal: %w", err)
	}
	return nil
}

// Value is the record of a message, or a related record, such as the renewal of
// a claim or a count. It is opaque to a store, except for [Value.WindowEnd] and
// [Value.Handled]. The zero Value means that there is no record.
type Value [40]byte

// WindowEnd returns the end of the replay window. Until then a store must keep
// the record. Afterwards a full store may drop the record if [Value.Handled] is
// true.
func (v Value) WindowEnd() time.Time {
	return time.UnixMilli(int64(binary.BigEndian.Uint64(v[:8]))) //nolint:gosec // written from an int64 in encode
}

// SeenStore is an atomic map whose entries expire. This package builds the
// claim protocol on its only required method, Swap. docs/writing-a-store.md
// shows how to write a store, and whtest.TestSeenStore tests this contract.
//
// A store must be safe for concurrent use, honor ctx, and return an error if it
// is not certain of the result. If a claim fails, the attempt gets 503 and is
// not admitted. A store that is full returns an error that wraps
// [ErrStoreFull]. ctx has the values of the request's context, except in
// background calls: renewals and late outcomes.
//
// A store instance serves one verifier, or several whose schemes or source
// names differ (see [Keys.From]).
//
// There are four optional methods. The first two tell how far back the store's
// records reach. An attempt with an earlier timestamp may be a replay of a
// message whose record the store lost. Such an attempt is refused with
// [ErrColdStart] instead of being handled as new. ErrColdStart does not protect
// messages without a signed timestamp. A store has one of the first two
// methods, or neither if it cannot detect a loss.
//
//   - Forgets() bool: true for a store in the memory of the program. Such a
//     store has every record since [New].
//   - KnownSince() time.Time: for a store that keeps its records outside the
//     program, where they can be lost. It does no I/O, and returns the zero
//     time until the store has checked. A Swap that finds that records are
//     missing moves the time forward before it returns, with a margin for
//     clocks that differ. KnownSince may be called concurrently.
//   - Bind(owner string) error: called once by [New] with a name made of the
//     scheme and the source. A store returns an error if the same owner is
//     bound twice. If two verifiers share records, the second refuses a message
//     that the first handled, or acknowledges the message without handling it.
//   - Scope(scheme, source string) uint32: for a store that divides its
//     capacity fairly among sources. The keys of a scheme and source begin with
//     the result. It must not change while the store has records. A randomly
//     seeded hash changes at a restart, so a durable store cannot use one. A
//     tenant must not be able to choose a source name that has another tenant's
//     result.
type SeenStore interface {
	// Swap sets the value of key to next for ttl if the live value equals old.
	// If old is zero, the key must have no live value. Swap returns the value
	// that is live after the call. The swap happened if and only if that value
	// equals next. If the store retries internally, an earlier try whose reply
	// was lost may have made the swap. A store never drops a live value before
	// its ttl ends, with one exception: a full store may drop a handled message
	// after its [Value.WindowEnd]. A store that cannot keep a value returns an
	// error. next is never zero and ttl is positive.
	Swap(ctx context.Context, key Key, old, next Value, ttl time.Duration) (Value, error)
}

// forgetter, knower, binder and scoper are the optional methods of a SeenStore.
type (
	forgetter interface{ Forgets() bool }
	knower    interface{ KnownSince() time.Time }
	binder    interface{ Bind(owner string) error }
	scoper    interface {
		Scope(scheme, source string) uint32
	}
)
