package integration_test

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/integration/services"
	"github.com/hookonce/hookonce/stores/redisstore"
	"github.com/hookonce/hookonce/stores/sqlstore"
	"github.com/hookonce/hookonce/whtest"
)

// grouped is a store on one connection, through a proxy, so its claims are sent in groups.
type grouped struct {
	proxy *whtest.Proxy
	store core.SeenStore
	other core.SeenStore // another process on the same records
	// block makes a record that cannot be claimed. Its claim gets no reply until the record is
	// freed.
	block func(t *testing.T) core.Key
}

func eachGrouped(t *testing.T, test func(t *testing.T, g *grouped)) { //nolint:thelper // the test itself
	run := func(name string, open func(t *testing.T) *grouped) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := open(t)
			if _, err := g.store.Swap(t.Context(), core.Key{255}, core.Value{}, core.Value{1}, time.Hour); err != nil { // it makes its marker
				t.Fatal(err)
			}
			test(t, g)
		})
	}
	run("Redis", func(t *testing.T) *grouped {
		server := services.StartRedis(t)
		g := &grouped{proxy: whtest.NewProxy(t, server.Addr)}
		client := redis.NewClient(&redis.Options{Addr: g.proxy.Addr(), PoolSize: 1})
		t.Cleanup(func() { client.Close() })
		name := namespace()
		second := redis.NewClient(&redis.Options{Addr: server.Addr, PoolSize: 1})
		t.Cleanup(func() { second.Close() })
		g.store, g.other = redisstore.New(name, client.Do), redisstore.New(name, second.Do)
		g.block = func(t *testing.T) core.Key { // a list, at which the script ends
			key := core.Key{1, 2, 3}
			if err := goRedis(t, server.Addr).LPush(t.Context(), name+":{mm}"+string(key[:]), "text").Err(); err != nil {
				t.Fatal(err)
			}
			return key
		}
		return g
	})
	overSQL := func(driver string, d sqlstore.Dialect, start func(t *testing.T) (addr string, dsn func(string) string)) func(t *testing.T) *grouped {
		return func(t *testing.T) *grouped {
			addr, dsn := start(t)
			g := &grouped{proxy: whtest.NewProxy(t, addr)}
			db := openSQL(t, driver, dsn(g.proxy.Addr()))
			db.SetMaxOpenConns(1)
			name, second := namespace(), openSQL(t, driver, dsn(addr))
			second.SetMaxOpenConns(1)
			store := sqlstore.New(name, db, d)
			if err := store.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			g.store, g.other = store, sqlstore.New(name, second, d)
			g.block = func(t *testing.T) core.Key { // as a handler's transaction holds the record after core.Commit
				key, claimed := core.Key{1, 2, 3}, core.Value{1}
				if _, err := store.Swap(t.Context(), key, core.Value{}, claimed, time.Hour); err != nil {
					t.Fatal(err)
				}
				tx, err := openSQL(t, driver, dsn(addr)).BeginTx(t.Context(), &sql.TxOptions{})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = tx.Rollback() })
				if _, err := store.Tx(tx).Swap(t.Context(), key, claimed, core.Value{2}, time.Hour); err != nil {
					t.Fatal(err)
				}
				return key
			}
			return g
		}
	}
	postgres := func(t *testing.T) (string, func(string) string) {
		p := services.StartPostgres(t)
		return p.Addr, p.DSNAt
	}
	run("PostgreSQL, pgx", overSQL("pgx", sqlstore.Postgres, postgres))
	run("PostgreSQL, lib/pq", overSQL("postgres", sqlstore.Postgres, postgres))
	run("MariaDB", overSQL("mysql", sqlstore.MySQL, func(t *testing.T) (string, func(string) string) {
		m := services.StartMariaDB(t)
		return m.Addr, m.DSNAt
	}))
	run("MySQL", overSQL("mysql", sqlstore.MySQL, func(t *testing.T) (string, func(string) string) {
		m := services.StartMySQL(t)
		return m.Addr, m.DSNAt
	}))
}

// claims makes n claims at once. key and within are called for each claim; done gets its result.
func (g *grouped) claims(t *testing.T, n int, key func(i int) core.Key, within func(i int) time.Duration,
	done func(i int, own, live core.Value, err error, took time.Duration),
) {
	t.Helper()
	g.claimsOn(t, false, n, key, within, done)
}

// claimsOn has the other process make every second claim if shared is set.
func (g *grouped) claimsOn(t *testing.T, shared bool, n int, key func(i int) core.Key, within func(i int) time.Duration,
	done func(i int, own, live core.Value, err error, took time.Duration),
) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			own, began := core.Value{1, byte(i), byte(i >> 8)}, time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), within(i))
			defer cancel()
			store := g.store
			if shared && i%2 == 1 {
				store = g.other
			}
			live, err := store.Swap(ctx, key(i), core.Value{}, own, time.Hour)
			done(i, own, live, err, time.Since(began))
		})
	}
	wg.Wait()
}

func minute(int) time.Duration { return time.Minute }

// numbered returns keys for a part of a test.
func numbered(part byte) func(i int) core.Key {
	return func(i int) core.Key { return core.Key{part, byte(i), byte(i >> 8), 31: byte(i)} }
}

func (g *grouped) mustClaim(t *testing.T, n int, key func(i int) core.Key) {
	t.Helper()
	g.claims(t, n, key, minute, func(i int, own, live core.Value, err error, _ time.Duration) {
		if err != nil || live != own {
			t.Errorf("claim %d: %v, %v", i, live, err)
		}
	})
}

// TestClaimsInGroups: each caller gets its own result, whatever happens to the others in its group.
func TestClaimsInGroups(t *testing.T) {
	t.Parallel()
	eachGrouped(t, func(t *testing.T, g *grouped) {
		t.Run("they share round trips", func(t *testing.T) {
			const n, trip = 1000, 10 * time.Millisecond // one by one they take 20 s
			g.proxy.Slow(trip)
			began := time.Now()
			g.mustClaim(t, n, numbered(1))
			g.proxy.Mend()
			if took := time.Since(began); took > n*trip {
				t.Errorf("%d claims over one connection, with round trips of %v, took %v", n, trip, took)
			}
		})
		t.Run("one of each message wins, and the others see it, in another process too", func(t *testing.T) {
			const messages, each = 500, 8 // in one group of each process there are several of a message
			var mu sync.Mutex
			winners, seen := map[core.Key]core.Value{}, map[core.Key]map[core.Value]bool{}
			key := func(i int) core.Key { return numbered(2)(i / each) } // groups of both processes meet
			g.claimsOn(t, true, messages*each, key, minute, func(i int, own, live core.Value, err error, _ time.Duration) {
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				k := key(i)
				if live == own {
					if winners[k] != (core.Value{}) {
						t.Errorf("message %d has two winners", k[1])
					}
					winners[k] = own
				}
				if seen[k] == nil {
					seen[k] = map[core.Value]bool{}
				}
				seen[k][live] = true
			})
			for k, all := range seen {
				if len(all) != 1 || !all[winners[k]] {
					t.Errorf("message %d: the winner is %x, and its callers see %d values", k[1], winners[k], len(all))
				}
			}
		})
		t.Run("callers whose time is over leave, and the others' claims are made", func(t *testing.T) {
			const n, soon = 60, 200 * time.Millisecond
			within := func(i int) time.Duration {
				if i%3 == 0 {
					return soon
				}
				return time.Minute
			}
			g.proxy.Stall()
			mended := make(chan struct{})
			time.AfterFunc(2*soon, func() { g.proxy.Mend(); close(mended) })
			g.claims(t, n, numbered(3), within, func(i int, own, live core.Value, err error, took time.Duration) {
				switch i % 3 {
				case 0:
					if !errors.Is(err, context.DeadlineExceeded) || took < soon || took > 2*soon+5*time.Second { // lib/pq waits for the server's word
						t.Errorf("claim %d, which has %v: %v, %v after %v", i, soon, live, err, took)
					}
				default:
					if err != nil || live != own {
						t.Errorf("claim %d: %v, %v after %v", i, live, err, took)
					}
				}
			})
			<-mended
			g.claims(t, n, numbered(3), minute, func(i int, own, live core.Value, err error, _ time.Duration) { // the same again
				if err != nil || live != own {
					t.Errorf("claim %d, repeated: %v, %v", i, live, err)
				}
			})
		})
		t.Run("a reply is lost", func(t *testing.T) {
			for part := range byte(5) {
				var refused atomic.Int64 // those that went by themselves: in SQL an error tells core to ask again
				g.proxy.LoseReply()
				g.claims(t, 60, numbered(10+part), minute, func(i int, own, live core.Value, err error, _ time.Duration) {
					if err != nil {
						refused.Add(1)
					} else if live != own {
						t.Errorf("claim %d: %v", i, live)
					}
				})
				if n := refused.Load(); n > 5 {
					t.Errorf("of 60 claims %d were refused", n)
				}
				g.mustClaim(t, 60, numbered(10+part)) // the same again
			}
		})
		t.Run("the server is gone, and comes back", func(t *testing.T) {
			var made [100]atomic.Bool
			cut := make(chan struct{})
			time.AfterFunc(5*time.Millisecond, func() { g.proxy.Cut(); close(cut) })
			within := func(int) time.Duration { return 2 * time.Second }
			g.claims(t, len(made), numbered(20), within, func(i int, own, live core.Value, err error, took time.Duration) {
				made[i].Store(err == nil)
				if err == nil && live != own {
					t.Errorf("claim %d: %v", i, live)
				} else if took > 7*time.Second {
					t.Errorf("claim %d was refused after %v", i, took)
				}
			})
			<-cut
			g.proxy.Mend()
			// Repeat the claims: acknowledged ones are there, the others can be made. The pool may
			// still have connections that were cut, and each of them fails one claim.
			refused := true
			for range 50 {
				var failed atomic.Bool
				g.claims(t, len(made), numbered(20), minute, func(i int, own, live core.Value, err error, _ time.Duration) {
					if err != nil {
						failed.Store(true)
					} else if live != own {
						t.Errorf("claim %d: %v", i, live)
					}
				})
				if refused = failed.Load(); !refused {
					break
				}
			}
			if refused {
				t.Error("the server is back, and claims are still refused")
			}
			g.claims(t, len(made), func(i int) core.Key { return numbered(20)((i + 1) % len(made)) }, minute,
				func(i int, own, live core.Value, err error, _ time.Duration) {
					if err != nil || live == own {
						t.Errorf("message %d was claimed twice (%v)", i, err)
					}
				})
		})
		t.Run("one that cannot be answered does not hold up the others", func(t *testing.T) {
			blocked := g.block(t)
			key := func(i int) core.Key {
				if i%20 == 7 {
					return blocked
				}
				return numbered(30)(i)
			}
			within := func(i int) time.Duration {
				if key(i) == blocked {
					return 100 * time.Millisecond
				}
				return time.Minute
			}
			for range 3 {
				g.claims(t, 60, key, within, func(i int, own, live core.Value, err error, took time.Duration) {
					if key(i) == blocked {
						if err == nil && live == own {
							t.Error("the blocked one was claimed")
						}
					} else if err != nil || live != own || took > 5*time.Second {
						t.Errorf("claim %d: %v, %v after %v", i, live, err, took)
					}
				})
			}
		})
	})
}

// TestTheSuiteInGroups runs the suite for stores over one connection, so that its swaps are sent in
// groups.
func TestTheSuiteInGroups(t *testing.T) {
	t.Parallel()
	t.Run("Redis", func(t *testing.T) {
		t.Parallel()
		client := redis.NewClient(&redis.Options{Addr: services.StartRedis(t).Addr, PoolSize: 1})
		t.Cleanup(func() { client.Close() })
		whtest.TestSeenStore(t, func(testing.TB) core.SeenStore { return redisstore.New(namespace(), client.Do) })
	})
	for _, e := range sqlEngines() {
		if e.dialect == sqlstore.SQLite { // it has groups of its own
			continue
		}
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			dsn, server := e.start(t)
			db := openSQL(t, e.driver, dsn(server.Addr))
			db.SetMaxOpenConns(1)
			whtest.TestSeenStore(t, func(t testing.TB) core.SeenStore { return newSQL(t, db, e.dialect) })
		})
	}
}
