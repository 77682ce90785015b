package integration_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/lib/pq"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/integration/services"
	"github.com/hookonce/hookonce/stores/sqlstore"
)

// mustElect claims the same messages from many callers at once, each on one of the stores, which
// share their records. One claim of each message wins, all callers learn which, and the winner
// settles it. A claim that fails is repeated.
func mustElect(t *testing.T, stores ...core.SeenStore) {
	t.Helper()
	const callers, n = 16, 50
	keys := make([]core.Key, n)
	for i := range keys {
		_, _ = rand.Read(keys[i][:])
	}
	swap := func(s core.SeenStore, key core.Key, old, next core.Value) (core.Value, bool) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		for {
			got, err := s.Swap(ctx, key, old, next, time.Hour)
			if err == nil {
				return got, true
			}
			if ctx.Err() != nil {
				t.Errorf("no answer: %v", err)
				return got, false
			}
			time.Sleep(time.Millisecond)
		}
	}
	var wins [n]atomic.Int32
	var heard [n]sync.Map
	var wg sync.WaitGroup
	for caller := range callers {
		wg.Go(func() {
			s := stores[caller%len(stores)]
			for i, key := range keys {
				mine, settled := core.Value{1, byte(caller)}, core.Value{2, byte(caller)}
				got, ok := swap(s, key, core.Value{}, mine)
				if !ok {
					return
				}
				heard[i].Store(got[1], true)
				if got != mine {
					continue
				}
				wins[i].Add(1)
				if got, ok := swap(s, key, mine, settled); ok && got != settled {
					t.Errorf("message %d: its winner's record became %v", i, got)
				}
			}
		})
	}
	wg.Wait()
	for i := range keys {
		names := 0
		heard[i].Range(func(any, any) bool { names++; return true })
		if wins[i].Load() != 1 || names != 1 {
			t.Errorf("message %d: %d claims won, and %d winners were named", i, wins[i].Load(), names)
		}
	}
}

// sharing returns n stores of one namespace, each with a pool of its own.
func sharing(t *testing.T, n int, driver, dsn string, d sqlstore.Dialect) []core.SeenStore {
	t.Helper()
	name := namespace()
	var stores []core.SeenStore
	for range n {
		stores = append(stores, sqlstore.New(name, openSQL(t, driver, dsn), d))
	}
	return stores
}

// TestPostgresDefaults: settings of the user or the database do not change who wins.
func TestPostgresDefaults(t *testing.T) {
	t.Parallel()
	p := services.StartPostgres(t)
	newSQL(t, openSQL(t, "pgx", p.DSN()), sqlstore.Postgres)
	for _, setting := range []string{
		"default_transaction_isolation=serializable", "default_transaction_isolation=repeatable%20read",
		"default_transaction_deferrable=on", "statement_timeout=1000", "lock_timeout=50", "idle_session_timeout=200",
		"idle_in_transaction_session_timeout=200", "TimeZone=Asia/Kathmandu", "plan_cache_mode=force_generic_plan", "synchronous_commit=local",
	} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			dsn := p.DSN() + "&" + setting
			mustCheck(t, sqlstore.New(namespace(), openSQL(t, "pgx", dsn), sqlstore.Postgres))
			stores := sharing(t, 2, "pgx", dsn, sqlstore.Postgres)
			mustElect(t, stores...)
			time.Sleep(300 * time.Millisecond) // longer than the idle timeouts
			if _, err := stores[0].Swap(t.Context(), core.Key{}, core.Value{}, core.Value{1}, time.Minute); err != nil {
				t.Errorf("after a pause: %v", err)
			}
		})
	}
	t.Run("lib/pq", func(t *testing.T) {
		t.Parallel()
		mustCheck(t, sqlstore.New(namespace(), openSQL(t, "postgres", p.DSN()), sqlstore.Postgres))
		mustElect(t, sharing(t, 2, "postgres", p.DSN(), sqlstore.Postgres)...)
	})
}

// TestMariaDBDefaults does the same for MariaDB, and for parameters of the driver.
func TestMariaDBDefaults(t *testing.T) {
	t.Parallel()
	m := services.StartMariaDB(t)
	newSQL(t, openSQL(t, "mysql", m.DSN()), sqlstore.MySQL)
	for _, setting := range []string{
		"sql_mode=''", "sql_mode='ANSI'", "sql_mode='TRADITIONAL'", "sql_mode='NO_BACKSLASH_ESCAPES'", "sql_mode='PAD_CHAR_TO_FULL_LENGTH'",
		"clientFoundRows=true", "interpolateParams=true", "interpolateParams=true&sql_mode='NO_BACKSLASH_ESCAPES'", "parseTime=true&loc=Local",
		"collation=latin1_swedish_ci", "transaction_isolation='SERIALIZABLE'", "transaction_isolation='READ-COMMITTED'",
		"innodb_lock_wait_timeout=1", "max_statement_time=1", "wait_timeout=1", "time_zone='%2B05:45'",
	} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			dsn := m.DSN() + "?" + strings.NewReplacer("'", "%27", "transaction_isolation", "tx_isolation").Replace(setting)
			mustCheck(t, sqlstore.New(namespace(), openSQL(t, "mysql", dsn), sqlstore.MySQL))
			mustElect(t, sharing(t, 2, "mysql", dsn, sqlstore.MySQL)...)
		})
	}
}

// TestMariaDBWithoutACommit: claims that would not be committed are refused, whether or not the
// program calls Check.
func TestMariaDBWithoutACommit(t *testing.T) {
	t.Parallel()
	m := services.StartMariaDB(t)
	newSQL(t, openSQL(t, "mysql", m.DSN()), sqlstore.MySQL)
	for parameter, remedy := range map[string]string{
		"autocommit=0":                  "remove autocommit from the DSN",
		"completion_type=%27CHAIN%27":   "remove completion_type from the DSN",
		"completion_type=%27RELEASE%27": "remove completion_type from the DSN",
		"completion_type=1":             "remove completion_type from the DSN",
	} {
		s := sqlstore.New(namespace(), openSQL(t, "mysql", m.DSN()+"?"+parameter), sqlstore.MySQL)
		mustRefuse(t, s, core.ErrStoreUnavailable, remedy)
		mustCheck(t, s, remedy)
	}
}

// TestSQLRemedies makes an engine reject a claim or a purge, and looks for the remedy.
func TestSQLRemedies(t *testing.T) {
	t.Parallel()
	hold := func(t *testing.T, db *sql.DB, statement string) {
		t.Helper()
		tx, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = tx.Rollback() })
		if _, err := tx.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("PostgreSQL, statement_timeout", func(t *testing.T) {
		t.Parallel()
		p := services.StartPostgres(t)
		db := openSQL(t, "pgx", p.DSN())
		newSQL(t, db, sqlstore.Postgres)
		hold(t, db, "LOCK TABLE hookonce_seen")
		s := sqlstore.New(namespace(), openSQL(t, "pgx", p.DSN()+"&statement_timeout=100"), sqlstore.Postgres)
		mustRefuse(t, s, core.ErrStoreUnavailable, "raise statement_timeout")
		_, err := s.Purge(t.Context())
		mustSay(t, err, "raise statement_timeout")
	})
	t.Run("PostgreSQL, a view", func(t *testing.T) {
		t.Parallel()
		db := openSQL(t, "pgx", services.StartPostgres(t).DSN())
		s := newSQL(t, db, sqlstore.Postgres)
		mustExec(t, db, "ALTER TABLE hookonce_seen RENAME TO elsewhere", "CREATE VIEW hookonce_seen AS SELECT * FROM elsewhere")
		_, err := s.Purge(t.Context())
		mustSay(t, err, "give the connection the schema that has the table from")
	})
	t.Run("MariaDB, max_statement_time", func(t *testing.T) {
		t.Parallel()
		m := services.StartMariaDB(t)
		db := openSQL(t, "mysql", m.DSN())
		newSQL(t, db, sqlstore.MySQL)
		hold(t, db, "DELETE FROM hookonce_seen WHERE namespace > ''") // every gap
		s := sqlstore.New(namespace(), openSQL(t, "mysql", m.DSN()+"?max_statement_time=0.1"), sqlstore.MySQL)
		mustRefuse(t, s, core.ErrStoreUnavailable, "max_statement_time")
	})
	t.Run("MariaDB, max_allowed_packet", func(t *testing.T) {
		t.Parallel()
		m := services.StartMariaDB(t, "max-allowed-packet=4096")
		s := newSQL(t, openSQL(t, "mysql", m.DSN()), sqlstore.MySQL)
		for range 500 {
			var key core.Key
			_, _ = rand.Read(key[:])
			if _, err := s.Swap(t.Context(), key, core.Value{}, core.Value{1}, time.Millisecond); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(10 * time.Millisecond)
		const remedy = "SET GLOBAL max_allowed_packet"
		mustCheck(t, s, remedy)
		// The server sends the error and closes the connection. The close may arrive first.
		var err error
		for range 20 {
			if _, err = s.Purge(t.Context()); err == nil || strings.Contains(err.Error(), remedy) {
				break
			}
		}
		mustSay(t, err, remedy)
	})
}

// TestPgBouncer: in each mode, driver settings that should work do work. Check finds the others,
// and claims with them are refused with the settings that work.
func TestPgBouncer(t *testing.T) {
	t.Parallel()
	p := services.StartPostgres(t, "max_connections=900")
	newSQL(t, openSQL(t, "pgx", p.DSN()), sqlstore.Postgres)
	const setUp = "default_query_exec_mode=exec (or cache_describe, simple_protocol) to the DSN; for lib/pq, add binary_parameters=yes"
	tests := []struct {
		driver, parameter string
		transaction       bool // works in transaction mode
	}{
		{"pgx", "", false},
		{"pgx", "default_query_exec_mode=cache_statement", false},
		{"pgx", "default_query_exec_mode=describe_exec", false},
		{"pgx", "default_query_exec_mode=cache_describe", true},
		{"pgx", "default_query_exec_mode=exec", true},
		{"pgx", "default_query_exec_mode=simple_protocol", true},
		{"postgres", "", false},
		{"postgres", "binary_parameters=yes", true},
	}
	for _, mode := range []string{"session", "transaction", "statement"} {
		for _, tt := range tests {
			t.Run(mode+", "+tt.driver+" "+tt.parameter, func(t *testing.T) {
				t.Parallel()
				pooler := services.StartPgBouncer(t, p, mode, "default_pool_size = 100")
				dsn := p.DSNAt(pooler.Addr) + "&" + tt.parameter
				stores := sharing(t, 4, tt.driver, dsn, sqlstore.Postgres)
				switch one := sqlstore.New(namespace(), openSQL(t, tt.driver, dsn), sqlstore.Postgres); {
				case mode == "session":
					mustCheck(t, one)
					mustElect(t, stores...)
				case mode == "transaction" && tt.transaction:
					mustCheck(t, one)
					mustElect(t, stores...)
					handlersCommit(t, openSQL(t, tt.driver, dsn))
				case mode == "transaction":
					mustCheck(t, one, setUp)
					mustFailWith(t, stores, setUp)
				case tt.transaction: // and statement
					mustCheck(t, one, "pool_mode = transaction")
					mustElect(t, stores...)
				default:
					mustCheck(t, one, "pool_mode = transaction")
					mustFailWith(t, stores, setUp)
				}
			})
		}
	}
}

// mustFailWith claims through several pools at once until one is refused. No claim may win twice,
// and each error must name the remedy.
func mustFailWith(t *testing.T, stores []core.SeenStore, remedy string) {
	t.Helper()
	var wg sync.WaitGroup
	var failed atomic.Int32
	for _, s := range stores {
		for range 4 {
			wg.Go(func() {
				for range 50 {
					var key core.Key
					_, _ = rand.Read(key[:])
					if _, err := s.Swap(t.Context(), key, core.Value{}, core.Value{1}, time.Minute); err != nil {
						mustSay(t, err, remedy)
						failed.Add(1)
						return
					}
				}
			})
		}
	}
	wg.Wait()
	if failed.Load() == 0 {
		t.Error("nothing failed")
	}
}

// handlersCommit settles messages in the handler's transactions.
func handlersCommit(t *testing.T, db *sql.DB) {
	t.Helper()
	s := sqlstore.New(namespace(), db, sqlstore.Postgres)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			key, claimed, settled := core.Key{byte(i)}, core.Value{1}, core.Value{2}
			_, err := s.Swap(t.Context(), key, core.Value{}, claimed, time.Minute)
			var tx *sql.Tx
			if err == nil {
				tx, err = db.BeginTx(t.Context(), nil)
			}
			var got core.Value
			if err == nil {
				got, err = s.Tx(tx).Swap(t.Context(), key, claimed, settled, time.Minute)
				err = errors.Join(err, tx.Commit())
			}
			if err != nil || got != settled {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
	wg.Wait()
}
