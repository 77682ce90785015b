package integration_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/integration/services"
	"github.com/hookonce/hookonce/stores/sqlstore"
)

// TestSQLThatLostItsRecords: messages handled before the loss do not run again, and later ones are
// handled.
func TestSQLThatLostItsRecords(t *testing.T) {
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
			for _, statement := range []string{"DELETE FROM hookonce_seen", "DROP TABLE hookonce_seen"} {
				space := namespace()
				store := sqlstore.New(space, db, e.dialect)
				if err := store.Migrate(t.Context()); err != nil {
					t.Fatal(err)
				}
				r, other := newReceiver(t, store), newReceiver(t, sqlstore.New(space, db, e.dialect))
				c := other.handle(20)
				r.mustRefuse(c, core.ErrReplay)
				mustExec(t, db, statement)
				if statement == "DROP TABLE hookonce_seen" {
					if err := r.deliver(core.NewID(), time.Now()); !isReason(err, core.ErrStoreUnavailable) {
						t.Errorf("without the table: %v", err)
					}
					if err := sqlstore.New("somebody-else", db, e.dialect).Migrate(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				r.mustRefuse(c, core.ErrColdStart)
				other.mustRefuse(c, core.ErrColdStart) // which finds the marker of the first one
				other.mustServe()
				cold := store.KnownSince()
				if _, err := store.Purge(t.Context()); err != nil {
					t.Fatal(err)
				}
				r.mustServe()
				if !store.KnownSince().Equal(cold) {
					t.Errorf("after a purge the table knows all since %v, not %v", store.KnownSince(), cold)
				}
			}
		})
	}
}

// TestSQLFirstDeployment: nothing is refused, although the programs start at the same time.
func TestSQLFirstDeployment(t *testing.T) {
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
			r := newReceiver(t, newSQL(t, db, e.dialect))
			for range 20 {
				if err := r.deliver(core.NewID(), time.Now()); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestPostgresForgetsAnUnloggedTableWithACrash shows what the server does, and that the store
// handles it.
func TestPostgresForgetsAnUnloggedTableWithACrash(t *testing.T) {
	t.Parallel()
	p := services.StartPostgres(t)
	db := openSQL(t, "pgx", p.DSN())
	store := newSQL(t, db, sqlstore.Postgres)
	mustExec(t, db, "ALTER TABLE hookonce_seen SET UNLOGGED")
	r := newReceiver(t, store)
	c := r.handle(20)
	p.Kill()
	p.Start()
	eventually(t, "after the crash", func() error { return db.PingContext(t.Context()) })
	var rows int
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM hookonce_seen").Scan(&rows); err != nil || rows != 0 {
		t.Fatalf("the table still has %d rows: %v", rows, err)
	}
	r.mustRefuse(c, core.ErrColdStart)
	r.mustServe()
}

// TestSQLiteFileThatWasRemoved: while the program runs, and between two runs.
func TestSQLiteFileThatWasRemoved(t *testing.T) {
	t.Parallel()
	remove := func(t *testing.T, file string) {
		t.Helper()
		for _, end := range []string{"", "-wal", "-shm"} {
			_ = os.Remove(file + end)
		}
	}
	t.Run("between two runs", func(t *testing.T) {
		t.Parallel()
		file := filepath.Join(t.TempDir(), "seen.db")
		open := func() *receiver {
			store := sqlstore.New("orders", openSQL(t, "sqlite", "file:"+file+sqlitePragmas), sqlstore.SQLite)
			if err := store.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			return newReceiver(t, store)
		}
		c := open().handle(20)
		open().mustRefuse(c, core.ErrReplay)
		remove(t, file)
		r := open()
		r.mustRefuse(c, core.ErrColdStart)
		if err := r.deliver(core.NewID(), time.Now()); err != nil {
			t.Errorf("a new message, at once: %v", err)
		}
	})
	t.Run("while it runs, so that a pool is on two files", func(t *testing.T) {
		t.Parallel()
		file := filepath.Join(t.TempDir(), "seen.db")
		db := openSQL(t, "sqlite", "file:"+file+sqlitePragmas)
		store := sqlstore.New("orders", db, sqlstore.SQLite)
		if err := store.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		r := newReceiver(t, store)
		db.SetMaxOpenConns(1) // a busy machine would have the store open another one
		c := r.handle(20)
		old, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		db.SetMaxOpenConns(0)
		db.SetMaxIdleConns(2) // which the limit above had lowered
		remove(t, file)
		again := sqlstore.New("orders", openSQL(t, "sqlite", "file:"+file+sqlitePragmas), sqlstore.SQLite) // the next process
		if err := again.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		newReceiver(t, again).mustRefuse(c, core.ErrColdStart)
		r.mustRefuse(c, core.ErrColdStart) // over connections to the new file
		r.mustServe()
		for deadline := time.Now().Add(5 * time.Second); db.Stats().InUse > 1 && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond) // what looks at the marker gives its connection back
		}
		var all []*sql.Conn
		for range db.Stats().Idle {
			conn, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, conn)
		}
		at := time.Now().Add(15 * time.Second)
		if err := old.Close(); err != nil { // and now over the one to the old file
			t.Fatal(err)
		}
		time.Sleep(dueAfter)
		// The store notices a loss. If the other connection looks at once, it notices two databases
		// instead.
		several := func(err error) bool {
			return err != nil && strings.Contains(err.Error(), "connections lead to several databases")
		}
		if err := r.deliver(core.NewID(), time.Now()); !isReason(err, core.ErrColdStart) && !several(err) {
			t.Errorf("a new message, over the other file: %v", err)
		}
		before := store.KnownSince()
		for _, conn := range all {
			conn.Close()
		}
		noticed := false
		for deadline := time.Now().Add(5 * time.Second); !noticed && time.Now().Before(deadline); {
			time.Sleep(dueAfter) // one of the next claims goes over the other connection
			err := r.deliver(core.NewID(), at)
			if noticed = several(err) || store.KnownSince().After(before); err != nil && !several(err) && !isReason(err, core.ErrColdStart) {
				t.Error(err)
			}
		}
		if !noticed {
			t.Errorf("changing between the files is not noticed: all is known since %v", before)
		}
	})
}
