package sqlstore

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hookonce/hookonce/core"
)

// Concurrent first claims are sent to PostgreSQL and MySQL in groups, with one
// statement and one commit for each group. A claim that its group does not
// settle is made alone. That is a second claim of a message in the group, a
// claim that finds an expired record, or every claim if a statement fails.
const (
	width = 16 // concurrent groups; up to this many calls do not wait at all
	most  = 128
)

// claiming is a first claim in a group.
type claiming struct {
	*change

	live    core.Value
	err     error
	settled bool // live and err are set
}

// inGroup claims in a group. It reports false if the claim must be made alone.
func (s *Store) inGroup(ctx context.Context, c *change) (live core.Value, settled bool, err error) {
	w := &claiming{change: c}
	if err := s.line.Do(ctx, w); err != nil {
		return core.Value{}, true, err
	}
	return w.live, w.settled, w.err
}

// claimAll makes the claims of a group. The callers make the claims that it
// does not settle.
func (s *Store) claimAll(ctx context.Context, all []*claiming) {
	if len(all) == 1 {
		all[0].live, all[0].err = s.alone(ctx, all[0].change)
		all[0].settled = true
		return
	}
	// Sorted, so that two groups do not deadlock. A statement must not contain a key twice.
	slices.SortFunc(all, func(a, b *claiming) int { return bytes.Compare(a.key[:], b.key[:]) })
	all = slices.CompactFunc(all, func(a, b *claiming) bool { return a.key == b.key })
	claim := s.stmts.claimAsRows
	if s.dialect == Postgres {
		claim = s.stmts.claimAsBlob
	}
	if err := claim(ctx, s.pool, all); err != nil { // the error says nothing about a single claim
		s.birth.Look()
	}
}

// claimAsBlob is for PostgreSQL. All claims are one parameter, so the statement
// is the same for groups of any size and with any driver.
func (s *statements) claimAsBlob(ctx context.Context, on session, all []*claiming) error {
	const record = blobID + blobValue
	blob := make([]byte, 0, len(all)*blobClaim)
	for _, c := range all {
		blob = append(append(blob, c.key[:]...), c.next[:]...)
		blob = fmt.Appendf(blob, "%0*d", blobTTL, c.ttl)
	}
	var live []byte // keys, each with its live value
	if err := on.scan(ctx, &live, s.claimBlob, all[0].namespace, blob); err != nil {
		return err
	}
	for ; len(live) >= record; live = live[record:] {
		key := core.Key(live[:blobID])
		i, found := slices.BinarySearchFunc(all, key, func(c *claiming, k core.Key) int { return bytes.Compare(c.key[:], k[:]) })
		if found {
			all[i].live, all[i].settled = core.Value(live[blobID:record]), true
		}
	}
	return nil
}

// claimAsRows is for MySQL and MariaDB. It skips messages that have a record: a
// transaction may hold its lock, and the whole group would wait for it.
func (s *statements) claimAsRows(ctx context.Context, on session, all []*claiming) error {
	i, _ := slices.BinarySearch(groupSizes, len(all))
	args := make([]any, 1, 4*groupSizes[i])
	args[0] = all[0].namespace
	for j := range groupSizes[i] {
		args = append(args, all[min(j, len(all)-1)].key[:]) // repeat the last key
	}
	seen, err := on.keys(ctx, s.present[i], args...)
	if err != nil {
		return err
	}
	if len(seen) > 0 {
		all = slices.DeleteFunc(all, func(c *claiming) bool { return seen[c.key] })
		i, _ = slices.BinarySearch(groupSizes, len(all))
	}
	if len(all) == 0 {
		return nil
	}
	args = args[:0]
	for j := range groupSizes[i] {
		c := all[min(j, len(all)-1)]
		args = append(args, c.namespace, c.key[:], c.next[:], c.ttl)
	}
	result, err := on.ExecContext(ctx, s.insertAll[i], args...)
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	if err != nil || n != int64(len(all)) {
		return err // another caller claimed one of the messages: the single swaps find out which one
	}
	for _, c := range all {
		c.live, c.settled = c.next, true
	}
	return nil
}

// groupSizes are the group sizes for which there are statements.
var groupSizes = []int{1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, most} //nolint:gochecknoglobals // a constant, but Go has no constant slices

// eachSize builds a statement for each size: begin, row repeated that many
// times, and end.
func eachSize(begin, row, end string) []string {
	all := make([]string, len(groupSizes))
	for i, n := range groupSizes {
		all[i] = begin + row + strings.Repeat(", "+row, n-1) + end
	}
	return all
}
