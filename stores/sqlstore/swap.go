package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/birth"
)

// change is one call of Swap.
type change struct {
	namespace any // a string, as an argument
	key       core.Key
	old, next core.Value
	ttl       int64 // milliseconds

	known *birth.Life // claim only if the table has this marker; nil: claim in any case
}

// milliseconds rounds up, and adds a millisecond: the clock of the database is
// truncated to milliseconds, and a record must not expire early.
func milliseconds(ttl time.Duration) int64 {
	return int64((ttl+time.Millisecond-1)/time.Millisecond) + 1
}

// rounds bounds how many times other calls may interfere with one swap.
const rounds = 32

// swap implements the Swap method of core.SeenStore. Each statement is atomic,
// and writes only if the row is as expected. Other calls may change the row
// between the statements. If the results contradict each other, swap starts
// over.
func (s *statements) swap(ctx context.Context, on session, read string, c *change) (core.Value, error) {
	for range rounds {
		if done, err := s.write(ctx, on, c); err != nil {
			return core.Value{}, err
		} else if done {
			return c.next, nil
		}
		live, err := s.live(ctx, on, read, c)
		if err != nil || live == c.next || live != c.old {
			return live, err
		}
		if live != (core.Value{}) {
			continue
		}
		// There is no live record, but something prevented the claim: another marker, or an expired
		// row. If the marker is lost now, so is an expired row.
		if c.known != nil {
			if err := s.sameLife(ctx, on, read, c); err != nil {
				return core.Value{}, err
			}
		}
		if done, err := affected(on.ExecContext(ctx, s.overwrite, c.next[:], c.ttl, c.namespace, c.key[:])); err != nil {
			return core.Value{}, err
		} else if done {
			return c.next, nil
		}
	}
	return core.Value{}, errContradiction
}

// write makes the swap if the row is as expected.
func (s *statements) write(ctx context.Context, on session, c *change) (bool, error) {
	switch {
	case c.old == (core.Value{}) && c.known != nil:
		return affected(on.ExecContext(ctx, s.claim, c.namespace, c.key[:], c.next[:], c.ttl, c.namespace, sinceArg, c.known.ValueArg))
	case c.old == (core.Value{}):
		return affected(on.ExecContext(ctx, s.insert, c.namespace, c.key[:], c.next[:], c.ttl))
	}
	return affected(on.ExecContext(ctx, s.update, c.next[:], c.ttl, c.namespace, c.key[:], c.old[:]))
}

// live reads the live value, or zero if there is none.
func (s *statements) live(ctx context.Context, on session, read string, c *change) (core.Value, error) {
	var value []byte
	switch err := on.scan(ctx, &value, read, c.namespace, c.key[:]); {
	case errors.Is(err, sql.ErrNoRows):
		return core.Value{}, nil
	case err != nil:
		return core.Value{}, err
	case len(value) != len(core.Value{}):
		return core.Value{}, fmt.Errorf("%w: its value has %d bytes", errForeign, len(value))
	}
	return core.Value(value), nil
}

func affected(r sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := r.RowsAffected()
	return n > 0, err
}
