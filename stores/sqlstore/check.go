package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Check looks for what would keep the store from working, or from being durable, and returns all it finds, each with its
// remedy: a table that is missing or not ours, a user who may not write, a read-only server, settings of the connection or the
// file. It writes nothing that stays. Call it at boot, after [Store.Migrate].
func (s *Store) Check(ctx context.Context) error {
	if err := s.mistake(); err != nil {
		return err
	}
	if err := s.look(ctx); err != nil {
		return s.explain(ctx, "check", err)
	}
	findings, err := s.settings(ctx)
	if err != nil {
		return s.explain(ctx, "check", err)
	}
	// The statements on no row and no lasting one: privileges are looked at all the same.
	if err := s.mayWrite(ctx); err != nil {
		findings = append(findings, s.explain(ctx, "check", err))
	}
	return errors.Join(findings...)
}

// mayWrite runs the statements that write, in a transaction that is undone.
func (s *Store) mayWrite(ctx context.Context) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	no := change{namespace: s.namespace, ttl: 1}
	if _, err := tx.ExecContext(ctx, s.stmts.insert, no.namespace, no.key[:], no.next[:], no.ttl); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, s.stmts.update, no.next[:], no.ttl, no.namespace, no.key[:], no.old[:]); err != nil {
		return err
	}
	if s.dialect == Postgres {
		_, err = tx.ExecContext(ctx, "DELETE FROM hookonce_seen WHERE namespace = $1 AND id = $2", no.namespace, no.key[:])
	} else {
		_, err = tx.ExecContext(ctx, "DELETE FROM hookonce_seen WHERE namespace = ? AND id = ?", no.namespace, no.key[:])
	}
	return err
}

// setting is a question to the engine, and the answers that are wrong.
type setting struct {
	query   string
	wrong   []string
	finding string
}

func (s *Store) settings(ctx context.Context) (findings []error, err error) {
	for _, q := range s.dialect.settings() {
		var got string
		if err := s.db.QueryRowContext(ctx, q.query).Scan(&got); err != nil {
			return nil, err
		}
		for _, w := range q.wrong {
			if strings.EqualFold(got, w) {
				findings = append(findings, fmt.Errorf("sqlstore: check: %s", q.finding))
			}
		}
	}
	return findings, nil
}

func (d Dialect) settings() []setting {
	switch d {
	case Postgres:
		return []setting{
			{
				"SELECT CASE WHEN pg_is_in_recovery() THEN 'yes' ELSE 'no' END",
				[]string{"yes"},
				"the server is a read-only replica: connect to the primary (target_session_attrs=read-write)",
			},
			{
				"SELECT current_setting('default_transaction_read_only')",
				[]string{"on"},
				"transactions are read-only by default: set default_transaction_read_only = off for this user, or connect to the primary",
			},
			{
				"SELECT current_setting('synchronous_commit')",
				[]string{"off"},
				"synchronous_commit is off, so a crash of the server loses records that were acknowledged: set it on for this user",
			},
		}
	case MySQL:
		return []setting{
			{
				"SELECT CONCAT(@@global.read_only, '')",
				[]string{"1", "on"},
				"the server is a read-only replica: connect to the primary",
			},
			{
				"SELECT CONCAT(@@autocommit, '')",
				[]string{"0", "off"},
				"autocommit is off, so no claim would be committed: remove autocommit from the DSN",
			},
			{
				"SELECT ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'hookonce_seen'",
				[]string{"MyISAM", "Aria", "MEMORY", "BLACKHOLE", "CSV", "ARCHIVE"},
				"the table hookonce_seen has an engine without transactions: ALTER TABLE hookonce_seen ENGINE = InnoDB",
			},
			{
				"SELECT CONCAT(@@global.innodb_flush_log_at_trx_commit, '')",
				[]string{"0", "2"},
				"innodb_flush_log_at_trx_commit is not 1, so a crash loses records that were acknowledged: set it to 1",
			},
		}
	case SQLite:
		return []setting{
			{
				"SELECT CASE WHEN file = '' THEN 'memory' ELSE 'file' END FROM pragma_database_list WHERE name = 'main'",
				[]string{"memory"},
				"the database is in memory, and each connection has one of its own: open a file, or use stores/memstore",
			},
			{
				"PRAGMA journal_mode",
				[]string{"delete", "truncate", "persist", "memory", "off"},
				"journal_mode is not WAL, so reading and writing wait for each other, and memory or off lose records: PRAGMA journal_mode = WAL",
			},
			{
				"PRAGMA synchronous",
				[]string{"0", "off"},
				"synchronous is OFF, so a crash of the machine can destroy the file: set synchronous to FULL or NORMAL in the DSN",
			},
		}
	default:
		return nil
	}
}
