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
	errContradiction = errors.New("a row that cannot be inserted because it is there, and not be read")
	errForeign       = errors.New("not written by this package")
)

// mysqlCode finds the number that begins the message of a MySQL server.
var mysqlCode = regexp.MustCompile(`Error (\d{4})[ :]`)

// code is what the engine calls an error: the SQLSTATE of PostgreSQL, the number of MySQL, the message of SQLite. Drivers are
// not imported, so it is taken from what they have in common.
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

// is reports whether the code is one of those, or, in SQLite, has one of them in it.
func is(code string, those ...string) bool {
	for _, t := range those {
		if code == t || len(t) > 5 && strings.Contains(code, t) {
			return true
		}
	}
	return false
}

// conflict reports errors that the same call again may not meet: serialization failure, deadlock, lock not available.
func conflict(err error) bool {
	return is(code(err), "40001", "40P01", "55P03", "1205", "1213", "1020", "database is locked", "database table is locked", "SQLITE_BUSY")
}

// explain adds what to do.
func (s *Store) explain(ctx context.Context, doing string, err error) error {
	if end := ctx.Err(); end != nil && !errors.Is(err, end) {
		err = fmt.Errorf("%w: %w", end, err) // drivers have words of their own for it
	}
	remedy := s.remedy(err)
	if full := is(code(err), "53100", "1021", "1114", "database or disk is full"); full {
		return fmt.Errorf("sqlstore: %s: %w: %s: %w", doing, core.ErrStoreFull, remedy, err)
	}
	return fmt.Errorf("sqlstore: %s: %s: %w", doing, remedy, err)
}

// remedy is for the person on call.
func (s *Store) remedy(err error) string {
	switch c := code(err); {
	case errors.Is(err, context.DeadlineExceeded):
		return "the database did not answer in time: is it up and reachable, are connections of the pool free (SetMaxOpenConns), does a transaction hold a lock"
	case errors.Is(err, context.Canceled):
		return "cancelled by the caller"
	case errors.Is(err, errContradiction):
		return "the table contradicts itself: look for row-level security or a trigger on hookonce_seen"
	case errors.Is(err, errForeign):
		return "something else writes to hookonce_seen"
	case is(c, "42P01", "1146", "no such table"):
		return "there is no table hookonce_seen in this database (a transaction must be of the store's own): run Migrate, or stores/sqlstore/schema/" + s.stmts.file
	case is(c, "42703", "1054", "no such column", "has no column"):
		return "the table hookonce_seen is not as in stores/sqlstore/schema/" + s.stmts.file
	case is(c, "28P01", "28000", "1045", "1698"):
		return "the database refuses the user or the password: correct the credentials in the DSN"
	case is(c, "3D000", "1049"):
		return "there is no such database: create it, or correct the DSN"
	case is(c, "42501", "1142", "1044", "1143"):
		return "the user lacks a privilege: GRANT SELECT, INSERT, UPDATE, DELETE ON hookonce_seen"
	case is(c, "25006", "1290", "1792", "1836", "readonly database"):
		return "the database is read-only: connect to the primary, or make the file and its folder writable"
	case is(c, "53100", "1021", "1114", "database or disk is full"):
		return "the database has no room: make some, and purge (PurgeEvery)"
	case is(c, "53300", "1040", "1203"):
		return "the server has no connection left: lower SetMaxOpenConns, or raise its limit"
	case is(c, "unable to open database file"):
		return "the file cannot be opened: does its folder exist, and may this user write to it"
	case s.dialect == SQLite && conflict(err):
		return "another writer holds the file: keep write transactions short, and begin them with BEGIN IMMEDIATE (_txlock=immediate)"
	case conflict(err):
		return "another transaction changed or holds the record"
	case is(c, "57P01", "57P02", "57P03", "1053", "connection refused", "no such host", "bad connection", "invalid connection",
		"unexpected EOF", "connection reset", "broken pipe", "i/o timeout", "closed network connection"):
		return "the database cannot be reached: is it up, and is the address in the DSN right"
	default:
		return "the database failed"
	}
}
