package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/hookonce/hookonce/core"
)

var (
	errContradiction = errors.New("one statement found a record, but the next one did not")
	errForeign       = errors.New("the row was not written by this package")
	errAltered       = errors.New("a record cannot be read back as it was written")
	errTwice         = errors.New("two claims of one message both succeeded")
	errKept          = errors.New("a delete removed nothing")
	errBegin         = errors.New("a transaction cannot begin")
	errOpen          = errors.New("a statement left its transaction open")
	errNoTable       = errors.New("hookonce_seen is not a table")
)

// mysqlCode finds the number at the start of a MySQL server's message.
var mysqlCode = regexp.MustCompile(`Error (\d{4})[ :]`)

// code identifies an error by the SQLSTATE of PostgreSQL, the number of MySQL,
// or the message of SQLite. The package imports no driver, so it relies on what
// the drivers have in common.
func code(err error) string {
	var state interface{ SQLState() string }
	if errors.As(err, &state) {
		return state.SQLState()
	}
	if m := mysqlCode.FindStringSubmatch(err.Error()); m != nil {
		return m[1]
	}
	return err.Error()
}

// is reports whether code is one of those codes or, for SQLite, contains one of
// them.
func is(code string, those ...string) bool {
	for _, t := range those {
		if code == t || len(t) > 5 && strings.Contains(code, t) {
			return true
		}
	}
	return false
}

// conflict reports whether a repeated call may succeed after err: after a
// serialization failure, a deadlock, an unavailable lock, or a connection that
// was idle for too long.
func conflict(err error) bool {
	return is(code(err), "40001", "40P01", "55P03", "57P05", "1205", "1213", "1020", "database is locked", "database table is locked", "SQLITE_BUSY")
}

// explain adds the fix to an error.
func (s *Store) explain(ctx context.Context, doing string, err error) error {
	if end := ctx.Err(); end != nil && !errors.Is(err, end) {
		err = fmt.Errorf("%w: %w", end, err) // drivers report it in their own words
	}
	if own := finding(""); errors.As(err, &own) {
		return fmt.Errorf("sqlstore: %s: %w", doing, err)
	}
	remedy := s.remedy(err)
	if full := is(code(err), "53100", "1021", "1114", "database or disk is full"); full {
		return fmt.Errorf("sqlstore: %s: %s: %w: %w", doing, remedy, core.ErrStoreFull, err)
	}
	return fmt.Errorf("sqlstore: %s: %s: %w", doing, remedy, err)
}

const smallPacket = "max_allowed_packet is too small for a purge: run SET GLOBAL max_allowed_packet = 1048576 or more, and raise maxAllowedPacket too if " +
	"the DSN sets it"

// remedy returns the fix, for the person on call.
func (s *Store) remedy(err error) string {
	notSchema := "the table hookonce_seen does not match stores/sqlstore/schema/" + s.stmts.file
	policy := "CREATE POLICY hookonce ON hookonce_seen TO the user USING (true) WITH CHECK (true)"
	switch c := code(err); {
	case errors.Is(err, context.DeadlineExceeded):
		return "the database did not respond in time: is it up and reachable, does the pool have free connections (SetMaxOpenConns), and does a transaction hold a lock?"
	case errors.Is(err, context.Canceled):
		return "the caller cancelled the call"
	case errors.Is(err, errContradiction), errors.Is(err, errAltered):
		if s.dialect == Postgres {
			return notSchema + ", which stores and compares all values byte by byte. Or a trigger or row-level security changes what is written or read: " +
				"drop the trigger, or run " + policy
		}
		return notSchema + ", which stores and compares all values byte by byte. Or a trigger changes what is written: drop the trigger. Or no partition " +
			"takes the record: add one"
	case errors.Is(err, errForeign):
		return "something else writes to hookonce_seen, or " + notSchema
	case errors.Is(err, errTwice), is(c, "42P10", "ON CONFLICT clause does not match"):
		return notSchema + ": the table needs PRIMARY KEY (namespace, id)"
	case errors.Is(err, errKept):
		return "nothing would be purged: a trigger or row-level security prevents this user from deleting rows"
	case errors.Is(err, errOpen):
		return "claims would not be committed, because the pooler begins transactions and does not end them: in pgpool, set backend_clustering_mode = " +
			"streaming_replication"
	case errors.Is(err, errNoTable):
		return "nothing can be purged: give the connection the schema that has the table from stores/sqlstore/schema/" + s.stmts.file
	case is(c, "42P01", "1146", "no such table"):
		return "there is no table hookonce_seen in this database (a transaction must belong to the store's database): run Migrate, or stores/sqlstore/schema/" + s.stmts.file
	case is(c, "42703", "1054", "no such column", "has no column"):
		return notSchema
	case is(c, "23514", "1526") && strings.Contains(err.Error(), "partition"):
		return "no partition takes the record: add a default partition, in PostgreSQL with CREATE TABLE … PARTITION OF hookonce_seen DEFAULT"
	case is(c, "22001", "22003", "22021", "22P02", "22P03", "42804", "42883", "23502", "23514", "1264", "1267", "1364", "1366", "1406", "4025",
		"datatype mismatch", "NOT NULL constraint failed", "CHECK constraint failed"):
		return notSchema
	case is(c, "55000") && strings.Contains(err.Error(), "replica identity"):
		return "logical replication publishes hookonce_seen, which has no primary key: give the table PRIMARY KEY (namespace, id), or run ALTER TABLE hookonce_seen REPLICA IDENTITY FULL"
	case is(c, "55000", "1471", "because it is a view"):
		return "hookonce_seen is a view, or is not ready: create the table as in stores/sqlstore/schema/" + s.stmts.file
	case is(c, "28P01", "28000", "1045", "1698"):
		return "the database refuses the user or the password, or this client's address or encryption: check the credentials in the DSN and, in PostgreSQL, pg_hba.conf"
	case is(c, "3D000", "1049"):
		return "the database does not exist: create it, or correct its name in the DSN"
	case is(c, "42501") && strings.Contains(err.Error(), "row-level security"):
		return "row-level security of hookonce_seen denies this user access: run " + policy
	case is(c, "42501", "1142", "1044", "1143"):
		return "the user lacks a privilege: run GRANT SELECT, INSERT, UPDATE, DELETE ON hookonce_seen"
	case s.dialect == Postgres && errors.Is(err, errBegin) && is(c, "bad connection"):
		return "the connection ended when a transaction began. If PgBouncer pools statements, set pool_mode = transaction or session"
	case strings.Contains(err.Error(), "statement pooling mode"):
		return "PgBouncer pools statements, but transactions need another mode: set pool_mode = transaction or session"
	case s.dialect == Postgres && is(c, "42P05", "26000", "08P01"):
		return "a pooler such as PgBouncer (pool_mode = transaction) probably spreads a connection's statements over several server connections, and this driver " +
			"is not configured for that. For pgx, add default_query_exec_mode=exec (or cache_describe, simple_protocol) to the DSN; for lib/pq, add " +
			"binary_parameters=yes. Or set pool_mode = session"
	case is(c, "57014", "1969", "3024", "1317"):
		return "the database cancelled the statement: raise statement_timeout (MariaDB: max_statement_time, MySQL: max_execution_time) for this user, or find what holds a lock"
	case is(c, "1153", "packet for query is too large"):
		return smallPacket
	case is(c, "25006", "1290", "1792", "1836", "readonly database"):
		return "the database is read-only, or the transaction is: connect to the primary, begin a transaction that may write, or make the file and its folder writable"
	case is(c, "53100", "1021", "1114", "database or disk is full"):
		return "the database is out of space: add space, and purge expired records (PurgeEvery)"
	case is(c, "53300", "1040", "1203"):
		return "the server has no free connection: lower SetMaxOpenConns, or raise the server's limit"
	case is(c, "unable to open database file"):
		return "the file cannot be opened: does its folder exist, and may this user write to it?"
	case is(c, "57P01", "57P02", "57P03", "57P05", "1053", "connection refused", "no such host", "bad connection", "invalid connection",
		"unexpected EOF", "connection reset", "broken pipe", "i/o timeout", "closed network connection"):
		return "the database cannot be reached, or the connection was closed: is it up, and is the address in the DSN right?"
	case s.dialect == SQLite && conflict(err):
		return "another writer holds the file's lock: keep write transactions short, and begin them with BEGIN IMMEDIATE (_txlock=immediate)"
	case conflict(err):
		return "another transaction changed the record or holds its lock"
	default:
		return "the database failed"
	}
}
