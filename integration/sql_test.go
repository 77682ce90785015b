package integration_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/integration/services"
	"github.com/hookonce/hookonce/stores/sqlstore"
	"github.com/hookonce/hookonce/whtest"
)

// openSQL opens a pool that is closed at the end of the test.
func openSQL(t testing.TB, driver, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(32)
	db.SetMaxIdleConns(32)
	t.Cleanup(func() { db.Close() })
	return db
}

// newSQL makes a store whose table is there.
func newSQL(t testing.TB, db *sql.DB, d sqlstore.Dialect) *sqlstore.Store {
	t.Helper()
	s := sqlstore.New(namespace(), db, d)
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSQLiteIsASeenStore(t *testing.T) {
	dsn := "file:" + filepath.Join(t.TempDir(), "seen.db") + "?_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)&_txlock=immediate"
	db := openSQL(t, "sqlite", dsn)
	whtest.TestSeenStore(t, func(t testing.TB) core.SeenStore { return newSQL(t, db, sqlstore.SQLite) })
}

func TestPostgresIsASeenStore(t *testing.T) {
	db := openSQL(t, "pgx", services.StartPostgres(t).DSN())
	whtest.TestSeenStore(t, func(t testing.TB) core.SeenStore { return newSQL(t, db, sqlstore.Postgres) })
}

func TestMariaDBIsASeenStore(t *testing.T) {
	db := openSQL(t, "mysql", services.StartMariaDB(t).DSN())
	whtest.TestSeenStore(t, func(t testing.TB) core.SeenStore { return newSQL(t, db, sqlstore.MySQL) })
}
