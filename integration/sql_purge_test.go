package integration_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/integration/services"
	"github.com/hookonce/hookonce/stores/sqlstore"
)

// messages selects the records of messages by their expiry: a store may have a row of its own that
// never expires.
const messages = "expires < 100000000000000"

// claimSome makes n records with this ttl.
func claimSome(t *testing.T, s core.SeenStore, n int, ttl time.Duration) {
	t.Helper()
	var wg sync.WaitGroup
	callers := 20
	if n < 1000 { // for many at once PostgreSQL makes the table larger than it needs to be
		callers = 1
	}
	for range callers {
		wg.Go(func() {
			for range n / callers {
				var key core.Key
				_, _ = rand.Read(key[:])
				if got, err := s.Swap(t.Context(), key, core.Value{}, valueOf(key), ttl); err != nil || got != valueOf(key) {
					t.Errorf("%v, %v", got, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func mustPurge(t *testing.T, s *sqlstore.Store, want int64) {
	t.Helper()
	if n, err := s.Purge(t.Context()); err != nil || n != want {
		t.Errorf("%d purged, want %d; error %v", n, want, err)
	}
}

func startSQL(t *testing.T, e sqlEngine) *sql.DB {
	t.Helper()
	dsn, server := e.start(t)
	addr := ""
	if server != nil {
		addr = server.Addr
	}
	return openSQL(t, e.driver, dsn(addr))
}

// TestPurgeReadsWhatMayBeDue: if a purge has found nothing due, the next one does not look. The
// test shows that by changing the records' times behind the store's back.
func TestPurgeReadsWhatMayBeDue(t *testing.T) {
	t.Parallel()
	for _, e := range sqlEngines() {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			db := startSQL(t, e)
			name := namespace()
			s := sqlstore.New(name, db, e.dialect)
			if err := s.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			claimSome(t, s, 400, time.Hour)
			mustPurge(t, s, 0)
			mustExec(t, db, "UPDATE hookonce_seen SET expires = 1 WHERE "+messages)
			mustPurge(t, s, 0)
			mustPurge(t, sqlstore.New(name, db, e.dialect), 400) // it knows nothing, so it looks
		})
		t.Run(e.name+", when its time has come", func(t *testing.T) {
			t.Parallel()
			s := newSQL(t, startSQL(t, e), e.dialect)
			claimSome(t, s, 20, time.Hour)
			claimSome(t, s, 20, 5*time.Second)
			mustPurge(t, s, 0)
			time.Sleep(5 * time.Second)
			mustPurge(t, s, 20)
			claimSome(t, s, 20, time.Millisecond)
			time.Sleep(10 * time.Millisecond)
			mustPurge(t, s, 0) // they lie among records whose time has not come
		})
	}
}

// TestPurgeOfPartitions uses a user without privileges on the partitions.
func TestPurgeOfPartitions(t *testing.T) {
	t.Parallel()
	run := func(t *testing.T, s *sqlstore.Store, alive func() int) {
		t.Helper()
		claimSome(t, s, 3000, time.Millisecond)
		claimSome(t, s, 500, time.Hour)
		time.Sleep(10 * time.Millisecond)
		mustPurge(t, s, 3000)
		mustPurge(t, s, 0)
		if n := alive(); n != 500 {
			t.Errorf("%d live records are left", n)
		}
		mustElect(t, s)
	}
	rows := func(t *testing.T, db *sql.DB) func() int {
		t.Helper()
		return func() (n int) {
			if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM hookonce_seen WHERE "+messages).Scan(&n); err != nil {
				t.Error(err)
			}
			return n
		}
	}
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		p := services.StartPostgres(t)
		admin := openSQL(t, "pgx", p.DSN())
		mustExec(t, admin, "CREATE ROLE app LOGIN",
			"CREATE TABLE hookonce_seen (namespace text COLLATE \"C\" NOT NULL, id bytea NOT NULL, value bytea NOT NULL, expires bigint NOT NULL, "+
				"PRIMARY KEY (namespace, id)) PARTITION BY HASH (id)",
			"GRANT SELECT, INSERT, UPDATE, DELETE ON hookonce_seen TO app")
		for i := range 3 {
			mustExec(t, admin, fmt.Sprintf("CREATE TABLE p%d PARTITION OF hookonce_seen FOR VALUES WITH (MODULUS 3, REMAINDER %[1]d)", i))
		}
		app := openSQL(t, "pgx", strings.Replace(p.DSN(), "hookonce@", "app@", 1))
		run(t, sqlstore.New(namespace(), app, sqlstore.Postgres), rows(t, admin))
	})
	t.Run("MariaDB", func(t *testing.T) {
		t.Parallel()
		db := openSQL(t, "mysql", services.StartMariaDB(t).DSN())
		mustExec(t, db, "CREATE TABLE hookonce_seen (namespace VARBINARY(64) NOT NULL, id BINARY(32) NOT NULL, value BINARY(40) NOT NULL, "+
			"expires BIGINT NOT NULL, PRIMARY KEY (namespace, id)) PARTITION BY KEY (id) PARTITIONS 3")
		run(t, sqlstore.New(namespace(), db, sqlstore.MySQL), rows(t, db))
	})
}

// TestPurgeAfterAPartitionWasDropped: a step then reads more pages, and what the store knows about
// the smaller steps does not describe them.
func TestPurgeAfterAPartitionWasDropped(t *testing.T) {
	t.Parallel()
	db := openSQL(t, "pgx", services.StartPostgres(t).DSN())
	mustExec(t, db, "CREATE TABLE hookonce_seen (namespace text COLLATE \"C\" NOT NULL, id bytea NOT NULL, value bytea NOT NULL, expires bigint NOT NULL, "+
		"PRIMARY KEY (namespace, id)) PARTITION BY LIST (namespace)",
		"CREATE TABLE other PARTITION OF hookonce_seen FOR VALUES IN ('other')",
		"CREATE TABLE rest PARTITION OF hookonce_seen DEFAULT WITH (fillfactor = 10)") // a few rows on each page
	s := sqlstore.New(namespace(), db, sqlstore.Postgres)
	claimSome(t, s, 250, time.Hour) // more pages than a step has with two partitions
	claimSome(t, s, 80, 5*time.Second)
	mustPurge(t, s, 0)
	mustExec(t, db, "DROP TABLE other")
	time.Sleep(5 * time.Second)
	mustPurge(t, s, 80)
}

// TestPurgeOfManyParts purges a table in several steps, while rows are added.
func TestPurgeOfManyParts(t *testing.T) {
	t.Parallel()
	for _, e := range sqlEngines() {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			db := startSQL(t, e)
			name := namespace()
			s := sqlstore.New(name, db, e.dialect)
			if err := s.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			claimSome(t, s, 12000, time.Hour)
			count := func(where string) (n int64) {
				if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM hookonce_seen WHERE "+messages+" AND "+where).Scan(&n); err != nil {
					t.Fatal(err)
				}
				return n
			}
			// Selected by a digit of their random ids, so that every part has some.
			digit := "substr(hex(id), 3, 1)"
			if e.dialect == sqlstore.Postgres {
				digit = "substr(upper(encode(id, 'hex')), 3, 1)"
			}
			low, quarter := digit+" < '8'", digit+" IN ('8', '9', 'A', 'B')"
			mustExec(t, db, "UPDATE hookonce_seen SET expires = 1 WHERE "+messages+" AND "+low)
			soon := time.Now().Add(5 * time.Second)
			mustExec(t, db, fmt.Sprintf("UPDATE hookonce_seen SET expires = %d WHERE %s AND %s", soon.UnixMilli(), messages, quarter))
			due, later := count(low), count(quarter)
			mustPurge(t, s, due)
			claimSome(t, s, 6000, time.Millisecond)
			time.Sleep(time.Until(soon) + 10*time.Millisecond)
			// Those that it has noted, and the others that lie beside them.
			n, err := s.Purge(t.Context(), nil)
			if err != nil || n < later || count(fmt.Sprintf("expires = %d", soon.UnixMilli())) != 0 {
				t.Errorf("%d purged, want at least %d; error %v", n, later, err)
			}
			mustPurge(t, sqlstore.New(name, db, e.dialect), later+6000-n)
			if left := count("1 = 1"); left != 12000-due-later {
				t.Errorf("%d live records are left, want %d", left, 12000-due-later)
			}
		})
	}
}

// TestPurgeReportsItsProgress slows each deletion down. An interrupted purge continues where it
// stopped.
func TestPurgeReportsItsProgress(t *testing.T) {
	t.Parallel()
	db := openSQL(t, "pgx", services.StartPostgres(t).DSN())
	s := newSQL(t, db, sqlstore.Postgres)
	mustExec(t, db, "ALTER TABLE hookonce_seen SET (fillfactor = 10)",
		"CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.002); RETURN OLD; END'",
		"CREATE TRIGGER slow BEFORE DELETE ON hookonce_seen FOR EACH ROW EXECUTE FUNCTION slow()")
	claimSome(t, s, 2000, time.Millisecond)
	time.Sleep(10 * time.Millisecond)

	ctx, cancel := context.WithCancel(t.Context())
	var told []sqlstore.Purged
	first, err := s.Purge(ctx, func(p sqlstore.Purged) {
		if told = append(told, p); len(told) == 2 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || len(told) != 3 {
		t.Fatalf("error %v, told %v", err, told)
	}
	for i, p := range told {
		if p.Part <= 0 || p.Part >= 1 || p.Removed <= 0 || i > 0 && p.Removed < told[i-1].Removed {
			t.Errorf("told %+v", told)
		}
	}
	// It does not read again what it has been through, so there is room for these rows.
	mustExec(t, db, "VACUUM hookonce_seen")
	claimSome(t, s, 20, time.Millisecond)
	time.Sleep(10 * time.Millisecond)
	var last sqlstore.Purged
	second, err := s.Purge(t.Context(), func(p sqlstore.Purged) { last = p })
	if err != nil || first+second != 2000 || last != (sqlstore.Purged{Removed: second, Part: 1}) {
		t.Errorf("%d and %d purged, error %v, told %+v at the end", first, second, err, last)
	}
}
