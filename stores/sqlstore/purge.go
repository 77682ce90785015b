package sqlstore

import (
	"context"
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"github.com/hookonce/hookonce/core"
)

// Purged is the progress of a purge.
type Purged struct {
	// Removed counts the records that this purge has deleted so far.
	Removed int64
	// Part is the fraction of the table that is done, from 0 to 1.
	Part float64
}

// Purge deletes the expired records and returns their number. It works in short
// steps, each in its own transaction, so claims continue meanwhile. It may run
// in several processes at once. In PostgreSQL it reads the table and its
// partitions page by page, and purges all namespaces. In the other engines it
// follows the primary key, and purges only this store's namespace.
//
// The store remembers which parts of the table have no expired records, and
// until when. The first purge of a process reads the whole table. A later purge
// reads only parts that may have expired records, so an interrupted purge
// resumes where it stopped. The store trusts its memory of a part for six
// hours. A record with a shorter life than its neighbors may therefore stay in
// the table for up to six hours longer.
//
// Each function in progress is called about once a second and at the end. If
// ctx ends, the records deleted so far stay deleted.
func (s *Store) Purge(ctx context.Context, progress ...func(Purged)) (removed int64, err error) {
	if err := s.mistake(); err != nil {
		return 0, err
	}
	second := time.NewTicker(time.Second)
	defer second.Stop()
	p := &purge{Store: s, progress: progress, second: second.C}
	select { // one at a time, because of the notes
	case s.purging <- struct{}{}:
		err = p.run(ctx)
		<-s.purging
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		err = s.explain(ctx, "purge", err)
	} else {
		p.done.Part = 1
	}
	p.tell()
	return p.done.Removed, err
}

// PurgeEvery purges at once, and again when interval has passed after each
// purge, until ctx ends. interval is at least a second. It blocks: start it
// with go. report, if not nil, is called after each purge. PurgeEvery continues
// after a failed purge. progress is as in [Store.Purge].
func (s *Store) PurgeEvery(ctx context.Context, interval time.Duration, report func(removed int64, err error), progress ...func(Purged)) {
	interval = max(interval, time.Second)
	for ctx.Err() == nil {
		removed, err := s.Purge(ctx, progress...)
		if report != nil {
			report(removed, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(interval):
		}
	}
}

const (
	purgePages = 64   // per step, about 5,000 rows
	purgeRows  = 5000 // per step
	purgeKeys  = 500  // placeholders in one statement; old SQLite versions allow 999
	// purgeTrust bounds, in milliseconds, how long a note is valid: rows that
	// are written later may expire earlier than the note says.
	purgeTrust = 6 * 60 * 60 * 1000
)

// purge is a call of Purge.
type purge struct {
	*Store

	now      int64 // the database's time, in milliseconds like all times here
	done     Purged
	progress []func(Purged)
	second   <-chan time.Time // when to report
}

func (p *purge) tell() {
	for _, f := range p.progress {
		if f != nil {
			f(p.done)
		}
	}
}

// notes holds what earlier purges found in the table. A part without a note, or
// with a due record, is read.
type notes struct {
	width int64   // pages of a step
	pages []int64 // for each step, when a record in its pages is due next
	keys  []span  // in order; together they cover all keys
}

// span is a range of keys, from the end of the span before it.
type span struct {
	to  core.Key
	due int64
}

func (p *purge) run(ctx context.Context) error {
	if p.dialect == Postgres {
		return p.byPage(ctx)
	}
	return p.byKey(ctx)
}

// step adds the result of a step to the progress.
func (p *purge) step(removed int64, part float64) {
	p.done.Removed += removed
	p.done.Part = part
	select {
	case <-p.second:
		p.tell()
	default:
	}
}

// until returns when the note of a step expires.
func (p *purge) until(next *int64) int64 {
	latest := p.now + purgeTrust
	if next == nil {
		return latest
	}
	return min(*next, latest)
}

// byPage reads the table in its physical order. In the order of the primary
// key, which is random, each row would be on another page. A step reads the
// same pages of every partition, through the table, because a user may have no
// privileges on a partition itself.
func (p *purge) byPage(ctx context.Context) error {
	const size = "SELECT count(*), COALESCE(max(pg_relation_size(oid)), 0) / current_setting('block_size')::bigint, " + postgresNow +
		" FROM pg_class WHERE relkind = 'r' AND oid IN (" + postgresTables + ")"
	var tables, pages int64
	if err := p.db.QueryRowContext(ctx, size).Scan(&tables, &pages, &p.now); err != nil {
		return err
	}
	if tables == 0 {
		return errNoTable
	}
	const (
		where = " FROM hookonce_seen WHERE ctid >= format('(%s,0)', $1::bigint)::tid AND ctid < format('(%s,0)', $2::bigint)::tid"
		look  = "SELECT count(*) FILTER (WHERE expires <= $3::bigint), min(expires) FILTER (WHERE expires > $3::bigint)" + where
		drop  = "DELETE" + where + " AND expires <= $3::bigint"
	)
	known, width := &p.notes.pages, max(1, purgePages/tables)
	if width != p.notes.width { // partitions were added or dropped
		p.notes.width, *known = width, nil
	}
	for from := int64(0); from < pages; from += width {
		i := int(from / width)
		if i == len(*known) {
			*known = append(*known, 0)
		}
		if (*known)[i] > p.now {
			continue
		}
		var due, removed int64
		var next *int64
		err := p.db.QueryRowContext(ctx, look, from, from+width, p.now).Scan(&due, &next)
		if err == nil && due > 0 {
			removed, err = p.delete(ctx, drop, from, from+width, p.now)
		}
		p.step(removed, float64(min(from+width, pages))/float64(pages))
		if err != nil {
			return err
		}
		(*known)[i] = p.until(next)
	}
	return nil
}

// byKey reads the store's records in the order of their keys.
func (p *purge) byKey(ctx context.Context) error {
	now := mysqlNow
	if p.dialect == SQLite {
		now = sqliteNow
	}
	if err := p.db.QueryRowContext(ctx, "SELECT "+now).Scan(&p.now); err != nil {
		return err
	}
	last := core.Key(slices.Repeat([]byte{0xff}, len(core.Key{})))
	old, known := p.notes.keys, []span(nil)
	if len(old) == 0 {
		old = []span{{to: last}}
	}
	// If the purge ends early, the remaining notes are kept.
	defer func() { p.notes.keys = slices.Concat(known, old) }()
	var from []byte // before the first key
	small := false  // whether the previous span was read and had few rows
	for len(old) > 0 {
		if old[0].due > p.now {
			known, old, small = append(known, old[0]), old[1:], false
			from = slices.Clone(known[len(known)-1].to[:])
			continue
		}
		this, rows, removed, err := p.span(ctx, from, old[0].to)
		p.step(removed, float64(binary.BigEndian.Uint16(this.to[:]))/(1<<16))
		if err != nil {
			return err
		}
		if this.to == old[0].to {
			old = old[1:]
		}
		if n := len(known); small && rows < purgeRows/4 {
			known[n-1] = span{this.to, min(known[n-1].due, this.due)}
		} else {
			known, small = append(known, this), rows < purgeRows/4
		}
		from = slices.Clone(this.to[:])
	}
	return nil
}

// span purges the rows after from, up to a key or a number of rows.
func (p *purge) span(ctx context.Context, from []byte, to core.Key) (this span, rows, removed int64, err error) {
	const (
		which = " FROM hookonce_seen WHERE namespace = ? AND id > ? AND id <= ?"
		look  = "SELECT count(*), max(id), COALESCE(sum(CASE WHEN expires <= ? THEN 1 ELSE 0 END), 0), " +
			"min(CASE WHEN expires > ? THEN expires END) FROM (SELECT id, expires" + which + " ORDER BY id LIMIT ?) AS step"
		// Select the expired rows without locks and delete only those: deleting a range would lock
		// the live rows in it too, and wait for their locks.
		find = "SELECT id" + which + " AND expires <= ? ORDER BY id LIMIT ?"
	)
	if from == nil {
		from = []byte{}
	}
	var end []byte
	var due int64
	var next *int64
	row := p.db.QueryRowContext(ctx, look, p.now, p.now, p.namespace, from, to[:], purgeRows)
	if err = row.Scan(&rows, &end, &due, &next); err != nil {
		return span{to: to}, rows, 0, err
	}
	this = span{to, p.until(next)}
	if rows == purgeRows {
		this.to = core.Key(end)
	}
	for due > 0 {
		ids, err := p.ids(ctx, find, p.namespace, from, this.to[:], p.now, purgeKeys)
		if err != nil || len(ids) == 0 {
			return this, rows, removed, err
		}
		drop := "DELETE FROM hookonce_seen WHERE namespace = ? AND id IN (?" + strings.Repeat(", ?", len(ids)-1) + ") AND expires <= ?"
		n, err := p.delete(ctx, drop, append(append([]any{p.namespace}, ids...), p.now)...)
		removed, due = removed+n, due-int64(len(ids))
		if err != nil {
			return this, rows, removed, err
		}
		from, _ = ids[len(ids)-1].([]byte)
	}
	return this, rows, removed, nil
}

func (s *Store) ids(ctx context.Context, query string, args ...any) ([]any, error) {
	rows, err := s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var ids []any
	for rows.Next() {
		var id []byte
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

func (s *Store) delete(ctx context.Context, query string, args ...any) (n int64, err error) {
	err = retry(ctx, func() error {
		r, err := s.db.ExecContext(ctx, query, args...)
		if err != nil {
			return err
		}
		n, err = r.RowsAffected()
		return err
	})
	return n, err
}
