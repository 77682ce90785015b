package integration_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/nethttp"
	"github.com/hookonce/hookonce/stores/sqlstore"
	"github.com/hookonce/hookonce/whtest"
)

// endpoint is a handler that writes a row in a transaction of its own, and a sender.
type endpoint struct {
	t      *testing.T
	db     *sql.DB
	store  *sqlstore.Store
	server http.Handler
	signer *core.Signer
	handle func(w http.ResponseWriter, r *http.Request)
	ran    int
	clock  *whtest.Clock // of the verifier and of the sender: a lease is overrun without waiting for it
}

func newEndpoint(t *testing.T, e sqlEngine, db *sql.DB) *endpoint {
	t.Helper()
	x := &endpoint{t: t, db: db, store: newSQL(t, db, e.dialect), clock: whtest.NewClock(time.Now())}
	v, err := core.New(core.Secrets(secret), x.store, &core.Config{Clock: x.clock.Now, StoreTimeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if x.signer, err = core.NewSigner(secret); err != nil {
		t.Fatal(err)
	}
	x.server = nethttp.New(v)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { x.ran++; x.handle(w, r) }))
	return x
}

// send makes an attempt of message id. Each one is signed a second later than the one before.
func (x *endpoint) send(id string) int {
	x.t.Helper()
	r := whtest.NewRequest(x.t, x.signer, "/", []byte(`{}`))
	if err := x.signer.Sign(r.Header, id, x.clock.Advance(time.Second), []byte(`{}`)); err != nil {
		x.t.Fatal(err)
	}
	answer := httptest.NewRecorder()
	x.server.ServeHTTP(answer, r)
	return answer.Code
}

// inTx runs the effect and the commit of the message. The transaction is still open when it
// returns.
func (x *endpoint) inTx(ctx context.Context, id string, level sql.IsolationLevel) (*sql.Tx, error) {
	x.t.Helper()
	tx, err := x.db.BeginTx(ctx, &sql.TxOptions{Isolation: level})
	if err != nil {
		x.t.Fatal(err)
	}
	insert := "INSERT INTO effects (message) VALUES ('" + id + "')"
	if _, err := tx.ExecContext(ctx, insert); err != nil {
		x.t.Fatal(err)
	}
	return tx, core.Commit(ctx, x.store.Tx(tx))
}

func (x *endpoint) effects(id string) (n int) {
	x.t.Helper()
	if err := x.db.QueryRowContext(x.t.Context(), "SELECT count(*) FROM effects WHERE message = '"+id+"'").Scan(&n); err != nil {
		x.t.Fatal(err)
	}
	return n
}

func TestTransactionsOfTheHandler(t *testing.T) {
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
			mustExec(t, db, "CREATE TABLE effects (message VARCHAR(256))")
			levels := []sql.IsolationLevel{sql.LevelDefault, sql.LevelReadUncommitted, sql.LevelReadCommitted, sql.LevelRepeatableRead, sql.LevelSerializable}
			if e.dialect == sqlstore.SQLite {
				levels = levels[:1]
			}
			for _, level := range levels {
				t.Run(level.String(), func(t *testing.T) { transactions(t, newEndpoint(t, e, db), level) })
			}
		})
	}
}

func transactions(t *testing.T, x *endpoint, level sql.IsolationLevel) { //nolint:thelper // a part of the test above
	id := func(name string) string { return name + "-" + strconv.Itoa(int(level)) } // messages of one table

	t.Run("committed, then answered 500: handled, and redeliveries are answered 200", func(t *testing.T) {
		x.handle = func(w http.ResponseWriter, r *http.Request) {
			tx, err := x.inTx(r.Context(), id("a"), level)
			if err == nil {
				err = tx.Commit()
			}
			if err != nil {
				t.Error(err)
			}
			w.WriteHeader(http.StatusInternalServerError)
		}
		x.ran = 0
		first, second := x.send(id("a")), x.send(id("a"))
		if first != 500 || second != 200 || x.ran != 1 || x.effects(id("a")) != 1 {
			t.Errorf("answered %d and %d, ran %d times, %d effects", first, second, x.ran, x.effects(id("a")))
		}
	})
	t.Run("rolled back: the next attempt runs", func(t *testing.T) {
		x.handle = func(w http.ResponseWriter, r *http.Request) {
			tx, err := x.inTx(r.Context(), id("b"), level)
			if err != nil {
				t.Error(err)
			}
			if x.ran == 1 {
				_ = tx.Rollback()
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			if err := tx.Commit(); err != nil {
				t.Error(err)
			}
		}
		x.ran = 0
		first, second, third := x.send(id("b")), x.send(id("b")), x.send(id("b"))
		if first != 500 || second != 200 || third != 200 || x.ran != 2 || x.effects(id("b")) != 1 {
			t.Errorf("answered %d, %d, %d, ran %d times, %d effects", first, second, third, x.ran, x.effects(id("b")))
		}
	})
	t.Run("overrun and taken over: an error, and nothing is written", func(t *testing.T) {
		x.handle = func(w http.ResponseWriter, r *http.Request) {
			if x.ran == 1 {
				x.clock.Advance(2 * time.Minute) // longer than the lease
				if status := x.send(id("c")); status != 200 {
					t.Errorf("the takeover was answered %d", status)
				}
				ctx := context.WithoutCancel(r.Context())
				tx, err := x.inTx(ctx, id("c"), level)
				if !errors.Is(err, core.ErrClaimLost) {
					t.Errorf("the overrun handler's commit: %v", err)
				}
				_ = tx.Rollback()
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			tx, err := x.inTx(r.Context(), id("c"), level)
			if err == nil {
				err = tx.Commit()
			}
			if err != nil {
				t.Error(err)
			}
		}
		x.ran = 0
		if x.send(id("c")); x.ran != 2 || x.effects(id("c")) != 1 {
			t.Errorf("ran %d times, %d effects", x.ran, x.effects(id("c")))
		}
	})
	t.Run("taken over while the transaction was open already", func(t *testing.T) {
		x.handle = func(w http.ResponseWriter, r *http.Request) {
			if x.ran > 1 {
				return // the takeover succeeds without a transaction
			}
			ctx := context.WithoutCancel(r.Context())
			tx, err := x.db.BeginTx(ctx, &sql.TxOptions{Isolation: level})
			if err != nil {
				t.Fatal(err)
			}
			var n int // takes the snapshot
			if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM hookonce_seen").Scan(&n); err != nil {
				t.Fatal(err)
			}
			x.clock.Advance(2 * time.Minute)
			status := x.send(id("d"))
			err = core.Commit(ctx, x.store.Tx(tx))
			// If the open transaction blocked the takeover, it may commit; otherwise it must not.
			if (status == 200) == (err == nil) {
				t.Errorf("the takeover was answered %d, and the commit says %v", status, err)
			}
			_ = tx.Rollback()
			w.WriteHeader(http.StatusInternalServerError)
		}
		x.ran = 0
		x.send(id("d"))
	})
}

// TestPurge deletes exactly the expired records, during claims.
func TestPurge(t *testing.T) {
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
			s := newSQL(t, db, e.dialect)
			const expired, live = 3000, 1000
			alive := make(map[core.Key]core.Value)
			claim := func(ttl time.Duration) (core.Key, core.Value) {
				var key core.Key
				_, _ = rand.Read(key[:])
				value := core.Value(append(key[:], "12345678"...))
				if got, err := s.Swap(t.Context(), key, core.Value{}, value, ttl); err != nil || got != value {
					t.Fatalf("%v, %v", got, err)
				}
				return key, value
			}
			for i := range expired + live {
				if i%4 == 0 {
					key, value := claim(time.Hour)
					alive[key] = value
					continue
				}
				claim(time.Millisecond)
			}
			time.Sleep(10 * time.Millisecond)
			var stop atomic.Bool
			slowest := make(chan time.Duration)
			go func() {
				var most time.Duration
				for !stop.Load() {
					began := time.Now()
					var key core.Key
					_, _ = rand.Read(key[:])
					if _, err := s.Swap(t.Context(), key, core.Value{}, core.Value{1}, time.Hour); err != nil {
						t.Error(err)
					}
					most = max(most, time.Since(began))
				}
				slowest <- most
			}()
			n, err := s.Purge(t.Context())
			stop.Store(true)
			most := <-slowest
			if err != nil || n != expired {
				t.Errorf("%d purged, want %d; error %v", n, expired, err)
			}
			if most > 5*time.Second {
				t.Errorf("a claim took %v meanwhile", most)
			}
			for key, value := range alive {
				if got, err := s.Swap(t.Context(), key, core.Value{}, core.Value{2}, time.Hour); err != nil || got != value {
					t.Fatalf("a live record is %v, error %v", got, err)
				}
			}
			if n, err := s.Purge(t.Context()); err != nil || n != 0 {
				t.Errorf("again: %d purged, error %v", n, err)
			}
		})
	}
}
