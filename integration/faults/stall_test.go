package faults_test

import (
	"context"
	"database/sql"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/integration/services"
	"github.com/hookonce/hookonce/stores/redisstore"
	"github.com/hookonce/hookonce/stores/sqlstore"
	"github.com/hookonce/hookonce/whtest"
)

// TestAStalledStoreHoldsNobody uses the default configuration, and the clients' defaults, in each
// framework and on each engine.
func TestAStalledStoreHoldsNobody(t *testing.T) {
	t.Parallel()
	engines := map[string]func(t *testing.T) (*whtest.Proxy, core.SeenStore){
		"Redis": func(t *testing.T) (*whtest.Proxy, core.SeenStore) {
			proxy := whtest.NewProxy(t, services.StartRedis(t).Addr)
			client := redis.NewClient(&redis.Options{Addr: proxy.Addr()})
			t.Cleanup(func() { client.Close() })
			return proxy, redisstore.New("stall", client.Do)
		},
		"PostgreSQL": func(t *testing.T) (*whtest.Proxy, core.SeenStore) {
			p := services.StartPostgres(t)
			proxy := whtest.NewProxy(t, p.Addr)
			return proxy, migrated(t, "pgx", p.DSNAt(proxy.Addr()), sqlstore.Postgres)
		},
		"MariaDB": func(t *testing.T) (*whtest.Proxy, core.SeenStore) {
			m := services.StartMariaDB(t)
			proxy := whtest.NewProxy(t, m.Addr)
			return proxy, migrated(t, "mysql", m.DSNAt(proxy.Addr()), sqlstore.MySQL)
		},
	}
	for engine, start := range engines {
		for framework, serve := range frameworks {
			t.Run(engine+", "+framework, func(t *testing.T) {
				t.Parallel()
				proxy, store := start(t)
				v, err := core.New(core.Secrets(secret), store, nil)
				if err != nil {
					t.Fatal(err)
				}
				ln, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { ln.Close() })
				ran := 0
				go func() { _ = serve(ln, v, func(context.Context, core.Message) int { ran++; return http.StatusOK }) }()
				signer, err := core.NewSigner(secret)
				if err != nil {
					t.Fatal(err)
				}
				send := func() (*http.Response, time.Duration) {
					r := whtest.NewRequest(t, signer, "http://"+ln.Addr().String()+"/", []byte(`{}`))
					r.RequestURI = ""
					began := time.Now()
					res, err := http.DefaultClient.Do(r)
					if err != nil {
						t.Fatal(err)
					}
					_, _ = io.Copy(io.Discard, res.Body)
					res.Body.Close()
					return res, time.Since(began)
				}
				if res, _ := send(); res.StatusCode != http.StatusOK || ran != 1 {
					t.Fatalf("before: answered %d, ran %d times", res.StatusCode, ran)
				}
				proxy.Stall()
				res, took := send()
				if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" || ran != 1 || took > 7*time.Second {
					t.Errorf("answered %d with Retry-After %q after %v, ran %d times", res.StatusCode, res.Header.Get("Retry-After"), took, ran)
				}
				proxy.Mend()
				if res, _ := send(); res.StatusCode != http.StatusOK || ran != 2 {
					t.Errorf("after: answered %d, ran %d times", res.StatusCode, ran)
				}
			})
		}
	}
}

func migrated(t *testing.T, driver, dsn string, d sqlstore.Dialect) core.SeenStore {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	s := sqlstore.New("stall", db, d)
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}
