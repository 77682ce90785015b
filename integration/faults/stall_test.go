package faults_test

import (
	"context"
	"database/sql"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/integration/faults/endpoint"
	"github.com/hookonce/hookonce/integration/services"
	"github.com/hookonce/hookonce/stores/redisstore"
	"github.com/hookonce/hookonce/stores/sqlstore"
	"github.com/hookonce/hookonce/whtest"
)

// TestAStalledStoreHoldsNobody uses the default configuration, and the clients' defaults, in each
// framework and on each engine.
func TestAStalledStoreHoldsNobody(t *testing.T) {
	t.Parallel()
	// The store, its environment in a process of its own, and what stands before it.
	type engine func(t *testing.T) (*whtest.Proxy, core.SeenStore, []string)
	engines := map[string]engine{
		"Redis": func(t *testing.T) (*whtest.Proxy, core.SeenStore, []string) {
			proxy := whtest.NewProxy(t, services.StartRedis(t).Addr)
			client := redis.NewClient(&redis.Options{Addr: proxy.Addr()})
			t.Cleanup(func() { client.Close() })
			return proxy, redisstore.New("stall", client.Do), []string{endpoint.EnvStore + "=redis", endpoint.EnvTarget + "=" + proxy.Addr()}
		},
		"PostgreSQL": func(t *testing.T) (*whtest.Proxy, core.SeenStore, []string) {
			p := services.StartPostgres(t)
			proxy := whtest.NewProxy(t, p.Addr)
			dsn := p.DSNAt(proxy.Addr())
			return proxy, migrated(t, "pgx", dsn, sqlstore.Postgres), []string{endpoint.EnvStore + "=postgres", endpoint.EnvTarget + "=" + dsn}
		},
		"MariaDB": func(t *testing.T) (*whtest.Proxy, core.SeenStore, []string) {
			m := services.StartMariaDB(t)
			proxy := whtest.NewProxy(t, m.Addr)
			dsn := m.DSNAt(proxy.Addr())
			return proxy, migrated(t, "mysql", dsn, sqlstore.MySQL), []string{endpoint.EnvStore + "=mariadb", endpoint.EnvTarget + "=" + dsn}
		},
	}
	majors := services.BuildMajors(t)
	for name, start := range engines {
		for framework, serve := range frameworks {
			t.Run(name+", "+framework, func(t *testing.T) {
				t.Parallel()
				proxy, store, _ := start(t)
				v, err := core.New(core.Secrets(endpoint.Secret), store, nil)
				if err != nil {
					t.Fatal(err)
				}
				ln, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { ln.Close() })
				var ran atomic.Int64
				go func() {
					_ = serve(ln, v, func(context.Context, core.Message) int { ran.Add(1); return http.StatusOK })
				}()
				mustNotBeHeld(t, proxy, ln.Addr().String(), func() int { return int(ran.Load()) })
			})
		}
		for _, framework := range services.Majors() {
			t.Run(name+", "+framework, func(t *testing.T) {
				t.Parallel()
				proxy, _, env := start(t)
				addr, ran := startProgram(t, majors, append(env, endpoint.EnvFramework+"="+framework)...)
				mustNotBeHeld(t, proxy, addr, ran)
			})
		}
	}
}

// startProgram starts an endpoint with the default configuration, which ends
// with the test. It returns its address, and how many messages it has handled.
func startProgram(t *testing.T, program string, env ...string) (addr string, ran func() int) {
	t.Helper()
	ledger := filepath.Join(t.TempDir(), "ledger")
	addr = services.FreeAddr(t)
	if err := os.WriteFile(ledger, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Env = append(append(os.Environ(), env...), endpoint.EnvAddr+"="+addr, endpoint.EnvLedger+"="+ledger, endpoint.EnvSkew+"=0s", endpoint.EnvDefaults+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started, ended := make(chan error), make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread() // Pdeathsig looks at the thread that started the process
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended })
	for range 500 {
		if conn, err := net.Dial("tcp", addr); err == nil {
			conn.Close()
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	return addr, func() int {
		text, err := os.ReadFile(ledger)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(text), "\n")
	}
}

// mustNotBeHeld stalls the store: a message that comes then is answered 503 in
// time, and the next one after that is handled.
func mustNotBeHeld(t *testing.T, proxy *whtest.Proxy, addr string, ran func() int) {
	t.Helper()
	signer, err := core.NewSigner(endpoint.Secret)
	if err != nil {
		t.Fatal(err)
	}
	send := func(id string) (*http.Response, time.Duration) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr+"/", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		if err := signer.Sign(r.Header, id, time.Now(), []byte("{}")); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
		return res, time.Since(began)
	}
	if res, _ := send("msg_1"); res.StatusCode != http.StatusOK || ran() != 1 {
		t.Fatalf("before: answered %d, ran %d times", res.StatusCode, ran())
	}
	proxy.Stall()
	if res, took := send("msg_2"); res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" || ran() != 1 || took > 7*time.Second {
		t.Errorf("answered %d with Retry-After %q after %v, ran %d times", res.StatusCode, res.Header.Get("Retry-After"), took, ran())
	}
	proxy.Mend()
	if res, _ := send("msg_3"); res.StatusCode != http.StatusOK || ran() != 2 {
		t.Errorf("after: answered %d, ran %d times", res.StatusCode, ran())
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
