package casstore

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/birth"
)

// KnownSince returns the time from which the engine has all records of this
// namespace, unless it lost only some of them. A restart that loses all of them
// moves the time forward. KnownSince is the zero time before the first claim.
// The store reads a marker for this purpose: in the first claim of each second,
// and in the first claim after each error.
func (s *Store) KnownSince() time.Time { return s.birth.Since() }

const (
	// dueAfter is how long claims rely on an earlier read of the marker, which
	// is a separate call.
	dueAfter = time.Second
	// markerLife is the life of the marker. It is renewed when half of it is
	// over, because engines limit how long a key may live.
	markerLife = 25 * 24 * time.Hour
)

// sinceKey is the key of the marker. No message has it: their keys are hashes.
var sinceKey = core.Key([]byte("this engine knows all since then")) //nolint:gochecknoglobals // a constant, but Go has no constant arrays

// look compares the marker if that is due.
func (s *Store) look(ctx context.Context) error {
	view := s.birth.View()
	if !s.birth.Due(dueAfter) {
		return nil
	}
	name := s.namespace + "." + hex.EncodeToString(sinceKey[:])
	value, revision, err := s.get(ctx, name)
	if err != nil {
		return fmt.Errorf("casstore: reading the marker: %w", err)
	}
	live, err := liveValue(value)
	if err != nil {
		return err
	}
	found, ok := birth.Parse(strings.TrimRight(string(live[:]), "\x00"))
	if !ok {
		return fmt.Errorf("casstore: the value of the key %s is not a marker of this store: give the store a namespace that nothing else writes to", name)
	}
	write := func(ctx context.Context, life *birth.Life) error {
		r := newRecord(life.Value, markerLife)
		written, err := s.put(ctx, name, r.value[:], revision, r.life)
		if err != nil {
			return fmt.Errorf("casstore: writing the marker: %w", err)
		}
		if !written { // another process did
			s.birth.Look()
		}
		return nil
	}
	if err := s.birth.Resolve(ctx, view, found, write); err != nil {
		return err
	}
	if known := s.birth.Known(); live == known.Value && time.Until(expiryOf(value)) <= markerLife/2 { // another process wrote it
		return write(ctx, known)
	}
	return nil
}
