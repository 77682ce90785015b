package sqlstore

import (
	"context"
	"strings"
	"time"
)

// Purge deletes the expired records and returns how many. It goes through the table once, in short steps, each a transaction of its own, so that
// claims go on meanwhile; it may run in several processes at once, and take minutes for tens of millions of records. In PostgreSQL it
// goes by the pages of the table and takes all namespaces, elsewhere by the primary key and takes this store's only. If ctx
// ends, what is deleted stays deleted.
func (s *Store) Purge(ctx context.Context) (int64, error) {
	if err := s.mistake(); err != nil {
		return 0, err
	}
	purge := s.purgeByKey
	if s.dialect == Postgres {
		purge = s.purgeByPage
	}
	n, err := purge(ctx)
	if err != nil {
		err = s.explain(ctx, "purge", err)
	}
	return n, err
}

// PurgeEvery purges at once and then at each interval until ctx ends. It blocks: run it with go. report, if not nil, is
// called after each purge; a failed one is not the end.
func (s *Store) PurgeEvery(ctx context.Context, interval time.Duration, report func(removed int64, err error)) {
	for ctx.Err() == nil {
		n, err := s.Purge(ctx)
		if report != nil {
			report(n, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(interval):
		}
	}
}

const (
	purgePages = 64  // some 5000 rows
	purgeKeys  = 500 // placeholders of one statement; SQLite once had 999
)

// purgeByPage reads the table in its physical order. By the primary key, whose order is random, each row would be another page.
func (s *Store) purgeByPage(ctx context.Context) (int64, error) {
	var pages, total int64
	const size = "SELECT pg_relation_size('hookonce_seen') / current_setting('block_size')::bigint"
	if err := s.db.QueryRowContext(ctx, size).Scan(&pages); err != nil {
		return 0, err
	}
	const step = "DELETE FROM hookonce_seen WHERE ctid >= format('(%s,0)', $1::bigint)::tid AND ctid < format('(%s,0)', $2::bigint)::tid " +
		"AND expires <= " + postgresNow
	for from := int64(0); from < pages; from += purgePages {
		n, err := s.delete(ctx, step, from, from+purgePages)
		total += n
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// purgeByKey looks for expired rows without locking any, and then deletes those alone: a delete of a range would lock the live rows
// in it too, and wait for them.
func (s *Store) purgeByKey(ctx context.Context) (int64, error) {
	now := mysqlNow
	if s.dialect == SQLite {
		now = sqliteNow
	}
	find := "SELECT id FROM hookonce_seen WHERE namespace = ? AND id > ? AND expires <= " + now + " ORDER BY id LIMIT ?"
	last, total := []byte{}, int64(0)
	for {
		ids, err := s.ids(ctx, find, s.namespace, last, purgeKeys)
		if err != nil || len(ids) == 0 {
			return total, err
		}
		step := "DELETE FROM hookonce_seen WHERE namespace = ? AND id IN (?" + strings.Repeat(", ?", len(ids)-1) + ") AND expires <= " + now
		n, err := s.delete(ctx, step, append([]any{s.namespace}, ids...)...)
		total += n
		if err != nil || len(ids) < purgeKeys {
			return total, err
		}
		last, _ = ids[len(ids)-1].([]byte)
	}
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
