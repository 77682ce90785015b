package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/birth"
)

// KnownSince returns the time from which the table has all records of this
// namespace, unless it lost only some of them. The time moves forward after a
// TRUNCATE, a crash that emptied an UNLOGGED table, or a change of the database
// or file. It is the zero time before the first claim or [Store.Migrate]. To
// detect a loss, the store reads a marker in the table. It does so in the first
// claim of each ten milliseconds, and in the first claim after each error.
func (s *Store) KnownSince() time.Time { return s.birth.Since() }

// sinceKey is the key of the row with a namespace's marker. The row never
// expires, so [Store.Purge] does not delete it. No message has this key: their
// keys are hashes.
var (
	sinceKey     = core.Key([]byte("the table has all since the time")) //nolint:gochecknoglobals // a constant, but Go has no constant arrays
	sinceArg any = sinceKey[:]                                          //nolint:gochecknoglobals // sinceKey as an argument
)

// never is the life of the marker: 200,000 years, which does not overflow when
// added to now.
const never = int64(math.MaxInt64 / 1000)

// otherLifeError reports a marker other than the one that the claim expected.
type otherLifeError struct{ found core.Value }

func (*otherLifeError) Error() string {
	return "the marker row, which says since when the table has all records, keeps being replaced: does something delete from hookonce_seen, or do " +
		"connections lead to several databases?"
}

// sameLife reads the marker. It returns an [otherLifeError] if the marker is
// not the expected one.
func (s *statements) sameLife(ctx context.Context, on session, read string, c *change) error {
	found, err := s.live(ctx, on, read, &change{namespace: c.namespace, key: sinceKey})
	if err == nil && (found == core.Value{} || found != c.known.Value) {
		err = &otherLifeError{found}
	}
	return err
}

// dueAfter is how long claims rely on an earlier read of the marker. Reading
// the marker with each claim halves the throughput of MariaDB, because it locks
// the marker.
const dueAfter = 10 * time.Millisecond

// claim makes a swap, and repeats it until the known marker is the one in the
// table.
func (s *Store) claim(ctx context.Context, c *change) (live core.Value, err error) {
	for range birth.Attempts {
		view := s.birth.View()
		c.known = nil
		if c.old == (core.Value{}) && s.birth.Due(dueAfter) {
			c.known = view.Life
		}
		if live, err = s.swap(ctx, c); err != nil {
			s.birth.Look()
		}
		var other *otherLifeError
		if !errors.As(err, &other) {
			return live, err
		}
		if err := s.meet(ctx, view, other.found); err != nil {
			return core.Value{}, err
		}
	}
	return core.Value{}, err
}

// meet handles a marker that is not the known marker. Of many callers that find
// the same loss, one writes a new marker. If another process also writes one at
// the same time, the next attempt finds that marker. A marker that was read
// before the newest marker was written is ignored. marks is how many markers
// had been written when found was read.
func (s *Store) meet(ctx context.Context, view birth.View, found core.Value) error {
	marker, ok := birth.Parse(strings.TrimRight(string(found[:]), "\x00"))
	if !ok {
		return fmt.Errorf("%w: its value is not a marker", errForeign)
	}
	return s.birth.Resolve(ctx, view, marker, func(ctx context.Context, life *birth.Life) error {
		_, err := s.swap(ctx, &change{namespace: s.space, key: sinceKey, old: found, next: life.Value, ttl: never})
		return err
	})
}

// begin writes or reads the marker before the first claim.
func (s *Store) begin(ctx context.Context) error {
	view := s.birth.View()
	err := s.stmts.sameLife(ctx, s.pool, s.stmts.read, &change{namespace: s.space, known: view.Life})
	if other := (*otherLifeError)(nil); errors.As(err, &other) {
		return s.meet(ctx, view, other.found)
	}
	return err
}
