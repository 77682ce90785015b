// Package main_test runs the program as a process, with a real Redis and a real
// PostgreSQL.
package main_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/integration/services" //nolint:depguard // starts servers for tests
	"github.com/hookonce/hookonce/whtest"
)

var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "production")
	if err != nil {
		return "", err
	}
	out, err := exec.Command("go", "build", "-o", dir, ".").CombinedOutput()
	if err != nil {
		return dir, errors.New(err.Error() + "\n" + string(out))
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, _ := binary(); dir != "" {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

func command(t *testing.T, env ...string) *exec.Cmd {
	t.Helper()
	dir, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(dir, "production"))
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "ADDR=127.0.0.1:0", "DRAIN=0s", "KEYS_FRESH_FOR=1s"}, env...)
	return cmd
}

// app is the running program.
type app struct {
	t     *testing.T
	cmd   *exec.Cmd
	url   string
	redis *services.Redis
	db    *services.Postgres

	mu  sync.Mutex
	log []string
	eof chan struct{}
}

func start(t *testing.T, env ...string) *app {
	t.Helper()
	a := &app{t: t, redis: services.StartRedis(t), db: services.StartPostgres(t, "fsync=off")}
	schema, err := os.ReadFile("schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	a.exec(string(schema))
	a.cmd = command(t, append([]string{"DATABASE_URL=" + a.db.DSN(), "REDIS_URL=redis://" + a.redis.Addr + "/0"}, env...)...)
	a.watch()
	return a
}

// watch starts the process and reads its log.
func (a *app) watch() {
	t := a.t
	t.Helper()
	a.eof = make(chan struct{})
	out, err := a.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	a.cmd.Stderr = a.cmd.Stdout
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(a.eof)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			a.mu.Lock()
			a.log = append(a.log, lines.Text())
			a.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		if a.cmd.ProcessState == nil {
			_ = a.cmd.Process.Kill()
			<-a.eof
			_ = a.cmd.Wait()
		}
		if t.Failed() {
			t.Log("log:\n" + strings.Join(a.log, "\n"))
		}
	})
	a.until("it listens", func() bool {
		for _, line := range a.logged("listening") {
			addr, _ := line["addr"].(string)
			a.url = "http://" + addr
		}
		return a.url != ""
	})
}

// logged returns the entries with this message; every line must be JSON.
func (a *app) logged(msg string) []map[string]any {
	a.t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	var found []map[string]any
	for _, line := range a.log {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			a.t.Fatalf("a line of the log is no JSON: %s", line)
		}
		if entry["msg"] == msg {
			found = append(found, entry)
		}
	}
	return found
}

func (a *app) until(what string, ok func() bool) {
	a.t.Helper()
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
	}
	a.t.Fatalf("after 15 s still not: %s", what)
}

func (a *app) connect() *pgx.Conn {
	a.t.Helper()
	conn, err := pgx.Connect(a.t.Context(), a.db.DSN())
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func (a *app) exec(sql string) {
	a.t.Helper()
	conn := a.connect()
	defer conn.Close(a.t.Context())
	if _, err := conn.PgConn().Exec(a.t.Context(), sql).ReadAll(); err != nil {
		a.t.Fatal(err)
	}
}

func (a *app) addKey(tenant, id, secret string) {
	a.t.Helper()
	conn := a.connect()
	defer conn.Close(a.t.Context())
	if _, err := conn.Exec(a.t.Context(), "INSERT INTO tenant_keys (tenant, key_id, secret) VALUES ($1, $2, $3)", tenant, id, secret); err != nil {
		a.t.Fatal(err)
	}
}

func (a *app) events() (n int) {
	a.t.Helper()
	conn := a.connect()
	defer conn.Close(a.t.Context())
	if err := conn.QueryRow(a.t.Context(), "SELECT count(*) FROM events").Scan(&n); err != nil {
		a.t.Fatal(err)
	}
	return n
}

type reply struct {
	status int
	header http.Header
	body   string
	err    error
}

func (a *app) send(tenant, secret, id string, at time.Time) reply {
	a.t.Helper()
	signer, err := core.NewSigner(secret)
	if err != nil {
		a.t.Fatal(err)
	}
	req := whtest.NewRequest(a.t, signer, a.url+"/hooks/"+tenant, `{"type":"order.paid"}`, whtest.ID(id), whtest.At(at))
	return receive(http.DefaultClient.Do(req))
}

func (a *app) get(path string) reply { return receive(http.Get(a.url + path)) }

func receive(resp *http.Response, err error) reply {
	if err != nil {
		return reply{err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(body), err}
}

func (a *app) expect(what string, got reply, want int) {
	a.t.Helper()
	if got.err != nil || got.status != want {
		a.t.Errorf("%s: %d %s %v, want %d", what, got.status, got.body, got.err, want)
	}
}

func TestEachMessageOfEachTenantIsHandledOnce(t *testing.T) {
	t.Parallel()
	a := start(t)
	handled := 0
	for _, tenant := range []string{"acme", "globex"} {
		older, newer := core.GenerateSecret(), core.GenerateSecret()
		a.addKey(tenant, "older", older)
		a.addKey(tenant, "newer", newer)
		for name, secret := range map[string]string{"older": older, "newer": newer} {
			id, now := "msg_"+name, time.Now()
			a.expect(tenant+" "+name, a.send(tenant, secret, id, now), http.StatusNoContent)
			again := a.send(tenant, secret, id, now.Add(time.Second))
			a.expect("its redelivery", again, http.StatusNoContent)
			if again.header.Get("Webhook-Redelivery") != "acknowledged" {
				t.Error("the redelivery ran the handler")
			}
			a.expect("the replay of it", a.send(tenant, secret, id, now.Add(time.Second)), http.StatusConflict)
			handled++
		}
	}
	if n := a.events(); n != handled || len(a.logged("webhook handled")) != handled {
		t.Errorf("%d events, %d handled, want %d", n, len(a.logged("webhook handled")), handled)
	}
	for _, e := range a.logged("webhook handled") {
		if id, _ := e["message_id"].(string); e["key_id"] != strings.TrimPrefix(id, "msg_") {
			t.Errorf("the log shows the wrong key: %v", e)
		}
	}

	wrong := a.send("acme", core.GenerateSecret(), core.NewID(), time.Now())
	unknown := a.send("nobody", core.GenerateSecret(), core.NewID(), time.Now())
	a.expect("wrong signature", wrong, http.StatusUnauthorized)
	a.expect("unknown tenant", unknown, http.StatusUnauthorized)
	if wrong.body != unknown.body {
		t.Errorf("a wrong signature is answered %q, an unknown tenant %q", wrong.body, unknown.body)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if log := strings.Join(a.log, "\n"); strings.Contains(log, "whsec_") {
		t.Errorf("a secret in the log: %s", log)
	}
}

func TestRotationInTheDatabaseIsSeen(t *testing.T) {
	t.Parallel()
	a := start(t)
	older, newer := core.GenerateSecret(), core.GenerateSecret()
	a.addKey("acme", "older", older)
	a.expect("older key", a.send("acme", older, core.NewID(), time.Now()), http.StatusNoContent)
	a.expect("newer key, not yet there", a.send("acme", newer, core.NewID(), time.Now()), http.StatusUnauthorized)
	a.addKey("acme", "newer", newer)
	a.exec("DELETE FROM tenant_keys WHERE key_id = 'older'")
	time.Sleep(1100 * time.Millisecond) // KEYS_FRESH_FOR
	a.expect("newer key", a.send("acme", newer, core.NewID(), time.Now()), http.StatusNoContent)
	a.expect("older key, deleted", a.send("acme", older, core.NewID(), time.Now()), http.StatusUnauthorized)

	a.expect("tenant not yet there", a.send("late", newer, core.NewID(), time.Now()), http.StatusUnauthorized)
	a.addKey("late", "first", newer)
	time.Sleep(1100 * time.Millisecond)
	a.expect("tenant created meanwhile", a.send("late", newer, core.NewID(), time.Now()), http.StatusNoContent)
}

func TestSIGTERMSettlesWhatIsInFlight(t *testing.T) {
	t.Parallel()
	a := start(t)
	secret := core.GenerateSecret()
	a.addKey("acme", "k", secret)

	// The handler waits for a lock on its table.
	locker := a.connect()
	tx, err := locker.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "LOCK TABLE events IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	id, sent, answer := core.NewID(), time.Now(), make(chan reply, 1)
	go func() { answer <- a.send("acme", secret, id, sent) }()
	a.until("the handler waits", func() bool {
		conn := a.connect()
		defer conn.Close(t.Context())
		var n int
		err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_locks WHERE NOT granted").Scan(&n)
		return err == nil && n == 1
	})
	if err := a.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	a.until("it no longer accepts", func() bool { return a.get("/livez").err != nil })
	select {
	case r := <-answer:
		t.Fatalf("answered before the handler was done: %+v", r)
	default:
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.expect("the message in flight", <-answer, http.StatusNoContent)
	<-a.eof
	if err := a.cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
	if len(a.logged("webhook handled")) != 1 {
		t.Error("the message was not settled")
	}

	// Another process on the same Redis knows it.
	b := &app{t: t, redis: a.redis, db: a.db}
	b.cmd = command(t, "DATABASE_URL="+a.db.DSN(), "REDIS_URL=redis://"+a.redis.Addr+"/0")
	b.watch()
	again := b.send("acme", secret, id, sent.Add(time.Second))
	b.expect("its redelivery after the restart", again, http.StatusNoContent)
	if again.header.Get("Webhook-Redelivery") != "acknowledged" || b.events() != 1 {
		t.Error("it was handled again")
	}
}

func TestWithoutRedisNothingIsAdmittedAndReadinessSaysNo(t *testing.T) {
	t.Parallel()
	a := start(t)
	secret := core.GenerateSecret()
	a.addKey("acme", "k", secret)
	a.expect("ready", a.get("/readyz"), http.StatusOK)
	a.redis.Stop()
	down := a.get("/readyz")
	a.expect("ready without Redis", down, http.StatusServiceUnavailable)
	if strings.Contains(down.body, "redis") || strings.Contains(down.body, "127.0.0.1") {
		t.Errorf("readiness tells details: %s", down.body)
	}
	a.expect("alive without Redis", a.get("/livez"), http.StatusOK)
	id := core.NewID()
	refused := a.send("acme", secret, id, time.Now())
	a.expect("a message without Redis", refused, http.StatusServiceUnavailable)
	if refused.header.Get("Retry-After") == "" || a.events() != 0 {
		t.Errorf("Retry-After %q, %d events", refused.header.Get("Retry-After"), a.events())
	}
	a.redis.Start()
	a.until("it is ready again", func() bool { return a.get("/readyz").status == http.StatusOK })
	a.expect("the sender's next attempt", a.send("acme", secret, id, time.Now().Add(time.Second)), http.StatusNoContent)
}

func TestWithoutTheDatabaseKnownKeysStillVerify(t *testing.T) {
	t.Parallel()
	a := start(t)
	secret := core.GenerateSecret()
	a.addKey("acme", "k", secret)
	a.expect("a message", a.send("acme", secret, core.NewID(), time.Now()), http.StatusNoContent)
	a.db.Stop()
	time.Sleep(1100 * time.Millisecond) // KEYS_FRESH_FOR
	a.expect("ready", a.get("/readyz"), http.StatusServiceUnavailable)
	// The handler needs the database, so it fails: but a forgery is told from the genuine.
	a.expect("genuine", a.send("acme", secret, core.NewID(), time.Now()), http.StatusServiceUnavailable)
	a.expect("forged", a.send("acme", core.GenerateSecret(), core.NewID(), time.Now()), http.StatusUnauthorized)
	a.expect("never seen", a.send("late", secret, core.NewID(), time.Now()), http.StatusServiceUnavailable)
}

func TestMistakesInTheEnvironmentAreReportedTogether(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		env  []string
		want []string
	}{
		{"nothing set", nil, []string{"DATABASE_URL is not set", "REDIS_URL is not set"}},
		{
			"all wrong",
			[]string{"DATABASE_URL=postgres://u:hunter2@[/x", "REDIS_URL=redis://u:hunter2%zz@h/0", "DRAIN=5", "KEYS_FRESH_FOR=-1s"},
			[]string{"DATABASE_URL is not a", "REDIS_URL is not a", "DRAIN", "KEYS_FRESH_FOR"},
		},
		{
			"no server",
			[]string{"DATABASE_URL=postgres://u:hunter2@127.0.0.1:1/x", "REDIS_URL=redis://u:hunter2@127.0.0.1:1/0"},
			[]string{"REDIS_URL", "127.0.0.1:1"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cmd := command(t, c.env...)
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			_ = cmd.Run()
			if code := cmd.ProcessState.ExitCode(); code != 1 {
				t.Errorf("exit %d, want 1", code)
			}
			for _, want := range c.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("%q is missing:\n%s", want, &out)
				}
			}
			if strings.Contains(out.String(), "hunter2") {
				t.Errorf("the password is shown:\n%s", &out)
			}
		})
	}
}
