package integration_test

import (
	"context"
	"crypto/rand"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/integration/services"
	"github.com/hookonce/hookonce/stores/sqlstore"
)

// claimer claims messages until it is stopped, and remembers those whose claims were acknowledged.
type claimer struct {
	store  core.SeenStore
	stop   chan struct{}
	wg     sync.WaitGroup
	mu     sync.Mutex
	keys   []core.Key
	failed atomic.Int64
}

func startClaims(t *testing.T, store core.SeenStore) *claimer {
	t.Helper()
	c := &claimer{store: store, stop: make(chan struct{})}
	for range 8 {
		c.wg.Go(func() {
			for {
				select {
				case <-c.stop:
					return
				default:
				}
				var key core.Key
				_, _ = rand.Read(key[:])
				ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
				got, err := store.Swap(ctx, key, core.Value{}, valueOf(key), time.Hour)
				cancel()
				switch {
				case err != nil:
					c.failed.Add(1)
					time.Sleep(10 * time.Millisecond)
				case got != valueOf(key):
					t.Errorf("a new message was claimed before: %v", got)
				default:
					c.mu.Lock()
					c.keys = append(c.keys, key)
					c.mu.Unlock()
				}
			}
		})
	}
	return c
}

func (c *claimer) acknowledged() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.keys)
}

// waitForMore waits until n more claims are acknowledged.
func (c *claimer) waitForMore(t *testing.T, n int) {
	t.Helper()
	want := c.acknowledged() + n
	for range 1000 {
		if c.acknowledged() >= want {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("no claims are acknowledged: %d are, %d failed", c.acknowledged(), c.failed.Load())
}

// waitForFailure waits until claims fail.
func (c *claimer) waitForFailure() {
	for before := c.failed.Load(); c.failed.Load() < before+20; {
		time.Sleep(10 * time.Millisecond)
	}
}

// end stops claiming, and looks up every acknowledged claim.
func (c *claimer) end(t *testing.T, in core.SeenStore) {
	t.Helper()
	close(c.stop)
	c.wg.Wait()
	lost := 0
	for _, key := range c.keys {
		if got, err := in.Swap(t.Context(), key, core.Value{1}, core.Value{2}, time.Minute); err != nil || got != valueOf(key) {
			if lost++; lost == 1 {
				t.Logf("%v, %v", got, err)
			}
		}
	}
	if lost > 0 {
		t.Errorf("of %d acknowledged claims %d are lost", len(c.keys), lost)
	}
	t.Logf("%d claims acknowledged, %d failed", len(c.keys), c.failed.Load())
}

// TestPostgresPromotion loses the primary behind HAProxy during claims. The standby refuses claims
// until it is promoted. Then it has all acknowledged ones.
func TestPostgresPromotion(t *testing.T) {
	t.Parallel()
	primary := services.StartPostgres(t)
	newSQL(t, openSQL(t, "pgx", primary.DSN()), sqlstore.Postgres)
	standby := primary.StartStandby(t)
	proxy := services.StartHAProxy(t, primary.Addr, standby.Addr)
	direct := sqlstore.New(namespace(), openSQL(t, "pgx", standby.DSN()), sqlstore.Postgres)
	mustRefuse(t, direct, core.ErrStoreUnavailable, "connect to the primary")
	mustCheck(t, direct, "connect to the primary")

	store := sqlstore.New(namespace(), openSQL(t, "pgx", primary.DSNAt(proxy.Addr)), sqlstore.Postgres)
	mustCheck(t, store)
	c := startClaims(t, store)
	c.waitForMore(t, 200)
	primary.Kill()
	c.waitForFailure() // the standby is behind the proxy by now, and refuses
	standby.Promote()
	c.waitForMore(t, 200)
	c.end(t, store)
}

// TestPostgresBehindHAProxy elects one winner of each message through the proxy.
func TestPostgresBehindHAProxy(t *testing.T) {
	t.Parallel()
	p := services.StartPostgres(t)
	newSQL(t, openSQL(t, "pgx", p.DSN()), sqlstore.Postgres)
	proxy := services.StartHAProxy(t, p.Addr)
	for _, driver := range []string{"pgx", "postgres"} {
		mustCheck(t, sqlstore.New(namespace(), openSQL(t, driver, p.DSNAt(proxy.Addr)), sqlstore.Postgres))
		mustElect(t, sharing(t, 2, driver, p.DSNAt(proxy.Addr), sqlstore.Postgres)...)
	}
}

// TestPostgresBehindPgpool elects a winner if pgpool commits as it is told. In raw mode it begins
// transactions on some connections and does not end them. A claim there is refused; an acknowledged
// one is committed.
func TestPostgresBehindPgpool(t *testing.T) {
	t.Parallel()
	p := services.StartPostgres(t)
	direct := newSQL(t, openSQL(t, "pgx", p.DSN()), sqlstore.Postgres)
	t.Run("streaming_replication", func(t *testing.T) {
		t.Parallel()
		proxy := services.StartPgpool(t, p, "streaming_replication")
		for _, driver := range []string{"pgx", "postgres"} {
			mustCheck(t, sqlstore.New(namespace(), openSQL(t, driver, p.DSNAt(proxy.Addr)), sqlstore.Postgres))
			mustElect(t, sharing(t, 2, driver, p.DSNAt(proxy.Addr), sqlstore.Postgres)...)
		}
	})
	t.Run("raw", func(t *testing.T) {
		t.Parallel()
		proxy := services.StartPgpool(t, p, "raw")
		const remedy = "backend_clustering_mode = streaming_replication"
		found, refused := 0, 0
		for i := range 20 {
			db := openSQL(t, []string{"pgx", "postgres"}[i%2], p.DSNAt(proxy.Addr))
			s := sqlstore.New(namespace(), db, sqlstore.Postgres)
			if err := s.Check(t.Context()); err != nil {
				mustSay(t, err, remedy)
				found++
			}
			var key core.Key
			_, _ = rand.Read(key[:])
			got, err := s.Swap(t.Context(), key, core.Value{}, valueOf(key), time.Minute)
			if err != nil {
				mustSay(t, err, remedy)
				refused++
			} else if there := exists(t, p, key); got != valueOf(key) || !there {
				t.Errorf("an acknowledged claim is %v, committed: %v", got, there)
			}
			db.Close() // pgpool has a process for each connection
		}
		if found == 0 || refused == 0 {
			t.Errorf("of 20 Check found %d, and of 20 claims %d were refused", found, refused)
		}
	})
	mustCheck(t, direct)
}

func exists(t *testing.T, p *services.Postgres, key core.Key) (there bool) {
	t.Helper()
	row := openSQL(t, "pgx", p.DSN()).QueryRowContext(t.Context(), "SELECT count(*) > 0 FROM hookonce_seen WHERE id = $1", key[:])
	if err := row.Scan(&there); err != nil {
		t.Fatal(err)
	}
	return there
}
