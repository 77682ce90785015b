package integration_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/integration/services"
	"github.com/hookonce/hookonce/stores/sqlstore"
	"github.com/hookonce/hookonce/whtest"
)

// sqlEngine is an engine as the tests see it.
type sqlEngine struct {
	name, driver string
	dialect      sqlstore.Dialect
	// start starts an engine. dsn returns its address, through a proxy if there is one. server is
	// nil for a file.
	start func(t testing.TB) (dsn func(proxy string) string, server *services.Server)
}

const sqlitePragmas = "?_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)&_txlock=immediate"

func sqlEngines() []sqlEngine {
	return []sqlEngine{
		{"PostgreSQL", "pgx", sqlstore.Postgres, func(t testing.TB) (func(string) string, *services.Server) {
			p := services.StartPostgres(t)
			return p.DSNAt, &p.Server
		}},
		{"MariaDB", "mysql", sqlstore.MySQL, func(t testing.TB) (func(string) string, *services.Server) {
			m := services.StartMariaDB(t)
			return m.DSNAt, &m.Server
		}},
		{"MySQL", "mysql", sqlstore.MySQL, func(t testing.TB) (func(string) string, *services.Server) {
			m := services.StartMySQL(t)
			return m.DSNAt, &m.Server
		}},
		{"SQLite", "sqlite", sqlstore.SQLite, func(t testing.TB) (func(string) string, *services.Server) {
			file := filepath.Join(t.TempDir(), "seen.db")
			return func(string) string { return "file:" + file + sqlitePragmas }, nil
		}},
	}
}

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

// newSQL returns a store whose table exists.
func newSQL(t testing.TB, db *sql.DB, d sqlstore.Dialect) *sqlstore.Store {
	t.Helper()
	s := sqlstore.New(namespace(), db, d)
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSQL runs the suite for stores on each engine.
func TestSQL(t *testing.T) {
	t.Parallel()
	for _, e := range sqlEngines() {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			dsn, server := e.start(t)
			addr := ""
			if server != nil {
				addr = server.Addr
			}
			db := openSQL(t, e.driver, dsn(addr))
			whtest.TestSeenStore(t, func(t testing.TB) core.SeenStore { return newSQL(t, db, e.dialect) })
		})
	}
}

// TestSQLFaults runs the suite with the cases that need an engine to fail. A file cannot be
// disconnected; it is opened again instead.
func TestSQLFaults(t *testing.T) {
	t.Parallel()
	for _, e := range sqlEngines() {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			dsn, server := e.start(t)
			name, addr := namespace(), ""
			var proxy *whtest.Proxy
			if server != nil {
				proxy = whtest.NewProxy(t, server.Addr)
				addr = proxy.Addr()
			}
			open := func(t testing.TB) core.SeenStore {
				s := sqlstore.New(name, openSQL(t, e.driver, dsn(addr)), e.dialect)
				if err := s.Migrate(t.Context()); err != nil {
					t.Fatal(err)
				}
				return s
			}
			kill := func(testing.TB, core.SeenStore) (start func()) {
				server.Kill()
				return server.Start
			}
			forget := whtest.StoreForget(func(t testing.TB, _ core.SeenStore) {
				if _, err := openSQL(t, e.driver, dsn(addr)).ExecContext(t.Context(), "DELETE FROM hookonce_seen"); err != nil {
					t.Fatal(err)
				}
			})
			options := []whtest.StoreOption{
				whtest.StoreRestart(kill), whtest.StoreBreak(kill),
				whtest.StoreLoseReply(func(testing.TB, core.SeenStore) { proxy.LoseReply() }),
			}
			if e.dialect == sqlstore.SQLite {
				options = []whtest.StoreOption{whtest.StoreReopen(func(t testing.TB, _ core.SeenStore) core.SeenStore { return open(t) })}
			}
			twice(t, open, options...)
			t.Run("emptied", func(t *testing.T) { // each store in a namespace of its own: for ten seconds it knows nothing of before
				db := openSQL(t, e.driver, dsn(addr))
				whtest.TestSeenStore(t, func(t testing.TB) core.SeenStore { return newSQL(t, db, e.dialect) }, forget)
			})
		})
	}
}

// TestSQLBadInput runs a store on misconfigured databases. Each error names the remedy, and nothing
// is admitted.
func TestSQLBadInput(t *testing.T) {
	t.Parallel()
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		p := services.StartPostgres(t)
		admin := openSQL(t, "pgx", p.DSN())
		mustExec(t, admin, "CREATE ROLE app LOGIN", "CREATE DATABASE empty")
		refuse := func(dsn string, reason core.Reason, remedy string) {
			t.Helper()
			mustRefuse(t, sqlstore.New(namespace(), openSQL(t, "pgx", dsn), sqlstore.Postgres), reason, remedy)
		}
		refuse(p.DSNAt(services.FreeAddr(t)), core.ErrStoreUnavailable, "cannot be reached")
		refuse(p.DSN(), core.ErrStoreUnavailable, "run Migrate, or stores/sqlstore/schema/postgres.sql")
		newSQL(t, admin, sqlstore.Postgres)
		refuse(strings.Replace(p.DSN(), "hookonce@", "nobody:pa55@", 1), core.ErrStoreUnavailable, "check the credentials")
		refuse(strings.Replace(p.DSN(), "/hookonce?", "/nowhere?", 1), core.ErrStoreUnavailable, "the database does not exist")
		refuse(strings.Replace(p.DSN(), "hookonce@", "app@", 1), core.ErrStoreUnavailable, "GRANT SELECT, INSERT, UPDATE, DELETE ON hookonce_seen")
		refuse(p.DSN()+"&default_transaction_read_only=on", core.ErrStoreUnavailable, "connect to the primary")
		mustCheck(t, sqlstore.New(namespace(), openSQL(t, "pgx", p.DSN()), sqlstore.Postgres))
		mustCheck(t, sqlstore.New(namespace(), openSQL(t, "pgx", p.DSN()+"&default_transaction_read_only=on"), sqlstore.Postgres), "read-only")
		mustCheck(t, sqlstore.New(namespace(), openSQL(t, "pgx", p.DSN()+"&synchronous_commit=off"), sqlstore.Postgres), "synchronous_commit is off")
		mustCheck(t, sqlstore.New(namespace(), openSQL(t, "pgx", strings.Replace(p.DSN(), "/hookonce?", "/empty?", 1)), sqlstore.Postgres), "run Migrate")
	})
	for name, start := range map[string]func(t testing.TB, settings ...string) *services.MySQL{
		"MariaDB": services.StartMariaDB, "MySQL": services.StartMySQL,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := start(t)
			admin := openSQL(t, "mysql", m.DSN())
			mustExec(t, admin, "CREATE USER app@'%'", "GRANT USAGE ON *.* TO app@'%'", "CREATE DATABASE other", "GRANT SELECT ON hookonce.* TO app@'%'")
			refuse := func(dsn string, reason core.Reason, remedy string) {
				t.Helper()
				mustRefuse(t, sqlstore.New(namespace(), openSQL(t, "mysql", dsn), sqlstore.MySQL), reason, remedy)
			}
			refuse(m.DSNAt(services.FreeAddr(t)), core.ErrStoreUnavailable, "cannot be reached")
			refuse(m.DSN(), core.ErrStoreUnavailable, "run Migrate, or stores/sqlstore/schema/mysql.sql")
			newSQL(t, admin, sqlstore.MySQL)
			refuse(strings.Replace(m.DSN(), "hookonce@", "hookonce:pa55@", 1), core.ErrStoreUnavailable, "check the credentials")
			refuse(strings.Replace(m.DSN(), "/hookonce", "/nowhere", 1), core.ErrStoreUnavailable, "the database does not exist")
			refuse(strings.Replace(m.DSN(), "hookonce@", "app@", 1), core.ErrStoreUnavailable, "GRANT SELECT, INSERT, UPDATE, DELETE ON hookonce_seen")
			mustExec(t, admin, "GRANT ALL ON hookonce.* TO app@'%'", "SET GLOBAL read_only = 1")
			refuse(strings.Replace(m.DSN(), "hookonce@", "app@", 1), core.ErrStoreUnavailable, "connect to the primary")
			mustCheck(t, sqlstore.New(namespace(), admin, sqlstore.MySQL), "read-only replica")
			mustExec(t, admin, "SET GLOBAL read_only = 0")
			mustCheck(t, sqlstore.New(namespace(), admin, sqlstore.MySQL))
		})
	}
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		refuse := func(dsn string, reason core.Reason, remedy string) {
			t.Helper()
			mustRefuse(t, sqlstore.New(namespace(), openSQL(t, "sqlite", dsn), sqlstore.SQLite), reason, remedy)
		}
		file := "file:" + filepath.Join(dir, "seen.db")
		refuse("file:"+filepath.Join(dir, "no", "such", "folder.db"), core.ErrStoreUnavailable, "does its folder exist")
		refuse(file, core.ErrStoreUnavailable, "run Migrate, or stores/sqlstore/schema/sqlite.sql")
		newSQL(t, openSQL(t, "sqlite", file+sqlitePragmas), sqlstore.SQLite)
		refuse(file+"?mode=ro", core.ErrStoreUnavailable, "read-only")
		full := file + sqlitePragmas + "&_pragma=max_page_count(1)"
		filled := sqlstore.New(namespace(), openSQL(t, "sqlite", full), sqlstore.SQLite)
		if fill(t, filled) == nil {
			t.Error("a full database takes everything")
		}
		mustRefuse(t, filled, core.ErrStoreFull, "add space, and purge")
		mustCheck(t, sqlstore.New(namespace(), openSQL(t, "sqlite", file+sqlitePragmas), sqlstore.SQLite))
		rollback := "file:" + filepath.Join(dir, "rollback.db")
		newSQL(t, openSQL(t, "sqlite", rollback), sqlstore.SQLite)
		mustCheck(t, sqlstore.New(namespace(), openSQL(t, "sqlite", rollback), sqlstore.SQLite), "journal_mode = WAL")
		if err := os.WriteFile(filepath.Join(dir, "text.db"), []byte(strings.Repeat("not a database ", 100)), 0o600); err != nil {
			t.Fatal(err)
		}
		refuse("file:"+filepath.Join(dir, "text.db"), core.ErrStoreUnavailable, "file is not a database")
	})
}

// fill claims until the store refuses.
func fill(t *testing.T, s core.SeenStore) error {
	t.Helper()
	for i := range 10_000 {
		key := core.Key{byte(i), byte(i >> 8)}
		if _, err := s.Swap(t.Context(), key, core.Value{}, core.Value{1}, time.Hour); err != nil {
			return err
		}
	}
	return nil
}

func mustExec(t *testing.T, db *sql.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// mustCheck expects Check to report these problems, or nothing if there are none.
func mustCheck(t *testing.T, s interface {
	Check(ctx context.Context) error
}, findings ...string,
) {
	t.Helper()
	err := s.Check(t.Context())
	if len(findings) == 0 && err != nil {
		t.Errorf("Check finds %v", err)
	}
	for _, f := range findings {
		if err == nil || !strings.Contains(err.Error(), f) {
			t.Errorf("Check finds %v, want %q", err, f)
		}
	}
}
