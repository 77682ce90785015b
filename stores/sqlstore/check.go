package sqlstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/birth"
)

// Check finds faults that keep the store from working or from being durable. It
// returns the faults that it finds, each with its fix. Among them are a missing
// table, a table that differs from the schema, and a user who may not write.
// Check also finds a read-only server, wrong settings of the connection or the
// file, and a pooler for which the driver is not configured.
//
// Check claims, claims again, settles and deletes in a transaction that it
// rolls back. On PostgreSQL it also commits and removes records outside that
// transaction. It leaves no records. Call it at start-up, after
// [Store.Migrate].
func (s *Store) Check(ctx context.Context) error {
	if err := s.mistake(); err != nil {
		return err
	}
	if err := s.look(ctx); err != nil {
		return s.explain(ctx, "check", err)
	}
	findings, err := s.settings(ctx, false)
	if err != nil {
		return s.explain(ctx, "check", err)
	}
	err = s.rehearse(ctx)
	if err == nil {
		err = s.together(ctx)
	}
	if err != nil {
		findings = append(findings, err)
	}
	for i, found := range findings {
		findings[i] = s.explain(ctx, "check", found)
	}
	return errors.Join(findings...)
}

// vouch is the part of Check that a store runs before its first claim. It finds
// faults with which a claim succeeds without being durable or unique. On
// PostgreSQL, a pooler may leave transactions open. On MySQL, INSERT IGNORE
// inserts twice if the table has no key, and truncates long values. Without
// autocommit nothing is committed.
func (s *Store) vouch(ctx context.Context) error {
	if s.vouched.Load() {
		return nil
	}
	select { // one at a time, because it takes connections
	case s.vouching <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-s.vouching }()
	if s.vouched.Load() {
		return nil
	}
	if s.dialect == Postgres {
		if err := atOnce(func() error { return s.commits(ctx) }); err != nil {
			return err
		}
	}
	if s.dialect == MySQL {
		findings, err := s.settings(ctx, true)
		if err != nil {
			return err
		}
		if len(findings) > 0 {
			return findings[0]
		}
		if err := s.rehearse(ctx); err != nil {
			return err
		}
	}
	if n := s.db.Stats().MaxOpenConnections; n > 0 { // waiting in this queue is better than waiting for a connection
		s.line.Width = min(width, n)
	}
	s.vouched.Store(true)
	return nil
}

// commits returns an error unless each single statement is a transaction. It
// writes and removes a record, and checks whether the first transaction has
// ended.
func (s *Store) commits(ctx context.Context) error {
	return retry(ctx, func() error {
		conn, err := s.db.Conn(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
		on := plain{conn}
		var key core.Key
		_, _ = rand.Read(key[:])
		none, open := make([]byte, len(core.Value{})), false
		// A statement that the connection has not prepared yet: for such a statement pgpool begins
		// a transaction.
		insert := fmt.Sprintf("%s -- %x", s.stmts.insert, key[:8])
		if _, err := on.ExecContext(ctx, insert, s.namespace, key[:], none, 1000); err != nil {
			return err
		}
		if err := on.scan(ctx, &open, "SELECT pg_current_xact_id_if_assigned() IS NOT NULL"); err != nil {
			return err
		}
		if open {
			return errOpen
		}
		_, err = on.ExecContext(ctx, s.stmts.remove, s.namespace, key[:])
		return err
	})
}

// rehearse claims one message twice and settles it, in a transaction that is
// rolled back.
func (s *Store) rehearse(ctx context.Context) error {
	return retry(ctx, func() error {
		tx, err := s.db.BeginTx(ctx, nil)
		if err != nil {
			return fmt.Errorf("%w: %w", errBegin, err)
		}
		defer func() { _ = tx.Rollback() }()
		return s.rehearseIn(ctx, plain{tx})
	})
}

func (s *Store) rehearseIn(ctx context.Context, on session) error {
	const minute = 60_000
	var key, past core.Key
	_, _ = rand.Read(key[:])
	_, _ = rand.Read(past[:])
	key[0] = 'a'
	a, b, c := sample('a'), sample('b'), sample('c')
	var known *birth.Life // claims compare the marker, if there is one
	marker, err := s.stmts.live(ctx, on, s.stmts.read, &change{namespace: s.space, key: sinceKey})
	if err != nil {
		return err
	}
	if marker != (core.Value{}) {
		known = &birth.Life{Value: marker, ValueArg: marker[:]}
	}
	swap := func(namespace string, key core.Key, old, next, want core.Value, ttl int64) error {
		claim := &change{namespace: namespace, key: key, old: old, next: next, ttl: ttl}
		if namespace == s.namespace {
			claim.known = known
		}
		got, err := s.stmts.swap(ctx, on, s.stmts.read, claim)
		switch {
		case err != nil:
			return err
		case got == want:
			return nil
		case got == next:
			return errTwice
		default:
			return errAltered
		}
	}
	read := func(namespace string, key core.Key, want core.Value) error {
		got, err := s.stmts.live(ctx, on, s.stmts.read, &change{namespace: namespace, key: key})
		if err == nil && got != want {
			err = errAltered
		}
		return err
	}
	// Reads without a lock: a lock on the gap of a missing record would block other claims.
	absent := func(namespace string, key core.Key) error {
		var n int
		err := on.scan(ctx, &n, s.stmts.count, namespace, key[:])
		if err == nil && n != 0 {
			err = errAltered
		}
		return err
	}
	none, namespace, other := core.Value{}, s.namespace, unlike(s.namespace)
	otherKey := key
	otherKey[0] = 'A'
	for _, step := range []func() error{
		func() error { return swap(namespace, key, none, a, a, minute) },
		func() error { return read(namespace, key, a) },
		func() error { return swap(namespace, key, none, b, a, minute) },
		// A name that differs only in case is another record.
		func() error { return absent(namespace, otherKey) },
		func() error { return absent(other, key) },
		func() error { return swap(namespace, key, sample('A'), c, a, minute) },
		func() error { return swap(namespace, key, a, c, c, minute) },
		func() error { return read(namespace, key, c) },
		// An expired record is overwritten.
		func() error { return swap(namespace, past, none, a, a, -minute) },
		func() error { return swap(namespace, past, none, b, b, minute) },
		func() error { return read(namespace, past, b) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	for _, k := range []core.Key{key, past} {
		if err := s.remove(ctx, on, namespace, k); err != nil {
			return err
		}
	}
	if s.dialect != MySQL { // the other engines need the whole primary key for ON CONFLICT
		return nil
	}
	if err := swap(other, key, none, b, b, minute); err != nil {
		return err
	}
	if err := swap(namespace, key, none, a, a, minute); err != nil {
		return err
	}
	// Without transactions there is no rollback, so remove the records.
	return errors.Join(s.remove(ctx, on, other, key), s.remove(ctx, on, namespace, key))
}

func (s *Store) remove(ctx context.Context, on session, namespace string, key core.Key) error {
	done, err := affected(on.ExecContext(ctx, s.stmts.remove, namespace, key[:]))
	if err == nil && !done {
		err = errKept
	}
	return err
}

// sample returns a value that is not text. Two samples differ at most in the
// case of letters.
func sample(letter byte) (v core.Value) {
	for i := range v {
		v[i] = letter
	}
	v[0], v[len(v)-1] = 0xff, ' '
	return v
}

// unlike returns another namespace. If namespace has a letter, the two differ
// only in case.
func unlike(namespace string) string {
	if upper := strings.ToUpper(namespace); upper != namespace {
		return upper
	}
	if lower := strings.ToLower(namespace); lower != namespace {
		return lower
	}
	return strings.Repeat("a", len(namespace))
}

// together runs the statements of claims on several connections concurrently.
// No other test finds a pooler that spreads the statements of one connection
// over several server connections. The same is true for a pooler that leaves
// transactions open on some of them.
func (s *Store) together(ctx context.Context) error {
	if s.dialect != Postgres {
		return nil
	}
	return atOnce(func() error {
		if err := s.commits(ctx); err != nil {
			return err
		}
		for range 200 { // many, so that the four overlap even on a busy machine
			if _, err := s.stmts.live(ctx, s.pool, s.stmts.read, &change{namespace: s.namespace}); err != nil {
				return err
			}
		}
		return nil
	})
}

// atOnce makes four concurrent calls and returns the first error.
func atOnce(call func() error) (first error) {
	const calls = 4
	failed := make(chan error, calls)
	for range calls {
		go func() { failed <- call() }()
	}
	for range calls {
		if err := <-failed; first == nil {
			first = err
		}
	}
	return first
}

// setting is a query for a setting of the engine, with the results that are
// wrong.
type setting struct {
	query   string
	wrong   []string
	finding string
	open    bool // with a wrong result, claims succeed without being durable
}

// finding is an error that includes its fix.
type finding string

func (f finding) Error() string { return string(f) }

// settings returns the wrong settings. If open is true, it checks only settings
// that let claims succeed without being durable.
func (s *Store) settings(ctx context.Context, open bool) (findings []error, err error) {
	for _, q := range s.dialect.settings() {
		if open && !q.open {
			continue
		}
		var got string
		if err := s.db.QueryRowContext(ctx, q.query).Scan(&got); err != nil {
			return nil, err
		}
		for _, w := range q.wrong {
			if strings.EqualFold(got, w) {
				findings = append(findings, finding(q.finding))
			}
		}
	}
	return findings, nil
}

func (d Dialect) settings() []setting {
	const view = "hookonce_seen is a view, but Purge needs the table itself: connect to the schema or database that has the table"
	switch d {
	case Postgres:
		return []setting{
			{
				query:   "SELECT CASE WHEN pg_is_in_recovery() THEN 'yes' ELSE 'no' END",
				wrong:   []string{"yes"},
				finding: "the server is a read-only replica: connect to the primary (target_session_attrs=read-write)",
			},
			{
				query:   "SELECT current_setting('default_transaction_read_only')",
				wrong:   []string{"on"},
				finding: "transactions are read-only by default: set default_transaction_read_only = off for this user, or connect to the primary",
			},
			{
				query:   "SELECT current_setting('synchronous_commit')",
				wrong:   []string{"off"},
				finding: "synchronous_commit is off, so a server crash loses the latest committed records: set synchronous_commit = on for this user",
			},
			{
				query:   "SELECT relkind::text FROM pg_class WHERE oid = 'hookonce_seen'::regclass",
				wrong:   []string{"v"},
				finding: view,
			},
			{
				query: "SELECT CASE WHEN count(*) > 0 THEN 'yes' ELSE 'no' END FROM pg_class WHERE relpersistence <> 'p' AND oid IN (" + postgresTables + ")",
				wrong: []string{"yes"},
				finding: "the table hookonce_seen, or a partition of it, is unlogged or temporary. A server crash empties it, and captured attempts can " +
					"then be replayed. Run ALTER TABLE hookonce_seen SET LOGGED, also for each partition, or replace a temporary table with the one in " +
					"the schema",
			},
		}
	case MySQL:
		return []setting{
			{
				query:   "SELECT CONCAT(@@global.read_only, '')",
				wrong:   []string{"1", "on"},
				finding: "the server is read-only, as a read-only replica is: connect to the primary, or run SET GLOBAL read_only = OFF",
			},
			{
				query:   "SELECT CONCAT(@@autocommit, '')",
				wrong:   []string{"0", "off"},
				finding: "autocommit is off, so claims would not be committed: remove autocommit from the DSN, or run SET GLOBAL autocommit = 1",
				open:    true,
			},
			{
				query: "SELECT CONCAT(@@completion_type, '')",
				wrong: []string{"1", "2", "CHAIN", "RELEASE"},
				finding: "completion_type is not NO_CHAIN, so each COMMIT begins another transaction or ends the connection, and claims can be lost: remove " +
					"completion_type from the DSN, or run SET GLOBAL completion_type = NO_CHAIN",
				open: true,
			},
			{
				query:   "SELECT CASE WHEN @@max_allowed_packet < 65536 THEN 'small' ELSE 'large' END",
				wrong:   []string{"small"},
				finding: smallPacket,
			},
			{
				query:   "SELECT TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'hookonce_seen'",
				wrong:   []string{"VIEW"},
				finding: view,
			},
			{
				query:   "SELECT COALESCE(ENGINE, '') FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'hookonce_seen'",
				wrong:   []string{"MyISAM", "Aria", "MEMORY", "BLACKHOLE", "CSV", "ARCHIVE"},
				finding: "the storage engine of hookonce_seen has no transactions: run ALTER TABLE hookonce_seen ENGINE = InnoDB",
			},
			{
				query:   "SELECT CONCAT(@@global.innodb_flush_log_at_trx_commit, '')",
				wrong:   []string{"0", "2"},
				finding: "innodb_flush_log_at_trx_commit is not 1, so a crash can lose the latest committed records: set it to 1",
			},
		}
	case SQLite:
		return []setting{
			{
				query:   "SELECT CASE WHEN file = '' THEN 'memory' ELSE 'file' END FROM pragma_database_list WHERE name = 'main'",
				wrong:   []string{"memory"},
				finding: "the database is in memory or temporary, so its records are lost with its connections: open a file, or use stores/memstore",
			},
			{
				query:   "SELECT type FROM sqlite_master WHERE name = 'hookonce_seen'",
				wrong:   []string{"view"},
				finding: view,
			},
			{
				query: "PRAGMA journal_mode",
				wrong: []string{"delete", "truncate", "persist", "memory", "off"},
				finding: "journal_mode is not WAL: readers and writers block each other, and with MEMORY or OFF a crash can lose records. Set PRAGMA " +
					"journal_mode = WAL",
			},
			{
				query:   "PRAGMA synchronous",
				wrong:   []string{"0", "off"},
				finding: "synchronous is OFF, so a machine crash can corrupt the file: set synchronous to FULL or NORMAL in the DSN",
			},
		}
	default:
		return nil
	}
}

// postgresTables selects the oids of the table and its partitions.
const postgresTables = "SELECT 'hookonce_seen'::regclass UNION SELECT relid FROM pg_partition_tree('hookonce_seen')"
