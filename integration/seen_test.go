package integration_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/redis/rueidis"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/integration/services"
	"github.com/hookonce/hookonce/nethttp"
	"github.com/hookonce/hookonce/schemes"
	"github.com/hookonce/hookonce/stores/redisstore"
	"github.com/hookonce/hookonce/stores/sqlstore"
)

// seenStore is a store at which the command looks.
type seenStore struct {
	name string
	open func(t *testing.T) (store core.SeenStore, url, namespace string)
}

func seenStores() []seenStore {
	all := []seenStore{{"Redis", func(t *testing.T) (core.SeenStore, string, string) {
		server := services.StartRedis(t, "--requirepass", "pass word")
		name := namespace()
		return redisstore.NewFunc(name, throughRueidis(t, rueidisOption(server.Addr, "pass word"))), "redis://:pass%20word@" + server.Addr + "/0", name
	}}}
	for _, e := range sqlEngines() {
		all = append(all, seenStore{e.name, func(t *testing.T) (core.SeenStore, string, string) {
			dsn, server := e.start(t)
			addr := ""
			if server != nil {
				addr = server.Addr
			}
			text := dsn(addr)
			var store string
			switch e.dialect {
			case sqlstore.SQLite:
				file, _, _ := strings.Cut(strings.TrimPrefix(text, "file:"), "?")
				store = "sqlite:" + file
			case sqlstore.Postgres:
				store = text + "&options=-c%20standard_conforming_strings%3Doff" // as of a database that is old
			default:
				store = addressOf(t, text)
			}
			db := openSQL(t, e.driver, text)
			name := namespace()
			s := sqlstore.New(name, db, e.dialect)
			if err := s.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			return s, store, name
		}})
	}
	return all
}

// TestSeenShowsAndForgetsWhatAVerifierWrote runs the program on the records that a verifier writes
// for one message, in each store.
func TestSeenShowsAndForgetsWhatAVerifierWrote(t *testing.T) {
	t.Parallel()
	program := buildHookonce(t)
	for _, st := range seenStores() {
		t.Run(st.name, func(t *testing.T) {
			t.Parallel()
			store, url, name := st.open(t)
			home := ownOptions(t)
			secret := core.GenerateSecret()
			r := &seenReceiver{t: t, runs: make(chan int)}
			v, err := core.New(core.Secrets(secret).From("acme"), store, &core.Config{StoreTimeout: 10 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			server := httptest.NewServer(nethttp.New(v)(http.HandlerFunc(r.serve)))
			t.Cleanup(server.Close)
			sent := 0
			send := func() int {
				body := []byte(`{"type":"order.paid"}`)
				req := core.Request{Method: http.MethodPost, URL: "/", Header: make(http.Header), Body: body}
				at := time.Now().Add(time.Duration(sent+2) * time.Second) // each attempt is newer, and than the store
				sent++
				if err := schemes.Sign(core.StandardWebhooks{}, &req, "msg_1", at, secret); err != nil {
					t.Error(err)
					return 0
				}
				post, _ := http.NewRequestWithContext(context.Background(), http.MethodPost, server.URL, bytes.NewReader(body))
				post.Header = req.Header.(http.Header) //nolint:errcheck // it was made above
				resp, err := http.DefaultClient.Do(post)
				if err != nil {
					t.Error(err)
					return 0
				}
				_ = resp.Body.Close()
				return resp.StatusCode
			}
			seen := func(verb string, wantCode int) (said map[string]any, errs string) {
				t.Helper()
				cmd := exec.CommandContext(t.Context(), program, "seen", verb, "--json", "--namespace", name, "--source", "acme", "--id", "msg_1")
				cmd.Env = append(os.Environ(), "HOOKONCE_STORE="+url, "HOME="+home)
				var out, text bytes.Buffer
				cmd.Stdout, cmd.Stderr = &out, &text
				_ = cmd.Run()
				if cmd.ProcessState.ExitCode() != wantCode {
					t.Fatalf("%s: status %d, want %d: %s%s", verb, cmd.ProcessState.ExitCode(), wantCode, &out, &text)
				}
				if out.Len() > 0 {
					if err := json.Unmarshal(out.Bytes(), &said); err != nil {
						t.Fatal(err)
					}
				}
				return said, text.String()
			}
			state := func(want string, code int) map[string]any {
				t.Helper()
				said, _ := seen("show", code)
				if said["state"] != want {
					t.Fatalf("state %v, want %s", said, want)
				}
				return said
			}
			state("none", 1)

			answered := make(chan int, 1)
			go func() { answered <- send() }()
			r.say(http.StatusInternalServerError) // the handler is at work: it waits for the next line
			claimed := state("claimed", 0)
			since, _ := time.Parse(time.RFC3339Nano, claimed["claimed_since"].(string)) //nolint:errcheck // a failure is a zero time
			if age := time.Since(since); age < 0 || age > 9*time.Second {
				t.Errorf("claimed since %v", since)
			}
			if _, errs := seen("forget", 1); !strings.Contains(errs, "is claimed") {
				t.Error(errs)
			}
			r.say(0)
			if got := <-answered; got != http.StatusInternalServerError {
				t.Fatal(got)
			}
			state("released", 0)
			if _, errs := seen("forget", 1); !strings.Contains(errs, "nothing was forgotten") {
				t.Error(errs)
			}

			handle := func() {
				t.Helper()
				go func() { answered <- send() }()
				r.say(http.StatusCreated)
				r.say(0)
				if got := <-answered; got != http.StatusCreated {
					t.Fatal(got)
				}
			}
			handle()
			if said := state("done", 0); said["status"] != 201. {
				t.Error(said)
			}
			if got := send(); got != http.StatusCreated { // acknowledged: no handler waits for this test
				t.Fatal(got)
			}
			if said, _ := seen("forget", 0); said["forgotten"] != true {
				t.Error(said)
			}
			state("released", 0)
			handle() // it runs again
		})
	}
}

// ownOptions returns a home directory in which the database clients are configured in unusual ways.
func ownOptions(t *testing.T) string {
	t.Helper()
	home := t.TempDir()
	for name, text := range map[string]string{
		".my.cnf": "[client]\nforce\n", ".psqlrc": "\\set ON_ERROR_STOP off\n\\pset expanded on\n\\echo 00\n", ".sqliterc": ".mode box\n.print 00\n",
	} {
		if err := os.WriteFile(filepath.Join(home, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return home
}

// A failing statement is reported as the database reports it, whatever the options of the client.
func TestSeenOfADatabaseWithoutTheTableFails(t *testing.T) {
	t.Parallel()
	program := buildHookonce(t)
	for _, e := range sqlEngines() {
		if e.dialect == sqlstore.SQLite || e.name == "MySQL" {
			continue
		}
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			dsn, server := e.start(t)
			cmd := exec.CommandContext(t.Context(), program, "seen", "show", "--namespace", "x", "--id", "msg_1")
			cmd.Env = append(os.Environ(), "HOOKONCE_STORE="+addressOf(t, dsn(server.Addr)), "HOME="+ownOptions(t))
			var out, errs bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &errs
			_ = cmd.Run()
			said := strings.ReplaceAll(errs.String(), "doesn't", "does not")
			if out.Len() > 0 || !strings.Contains(said, "does not exist") {
				t.Errorf("it says %q, %q", &out, &errs)
			}
		})
	}
}

// TestSeenFindsAMessageWithoutASignedID looks up a message of GitHub, by the captured request and
// by the key in the log.
func TestSeenFindsAMessageWithoutASignedID(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "seen.db")
	db := openSQL(t, "sqlite", "file:"+file+sqlitePragmas)
	store := sqlstore.New("github", db, sqlstore.SQLite)
	if err := store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	secret := core.GenerateSecret()
	var key string
	v, err := core.New(core.Secrets(secret), store, &core.Config{Scheme: schemes.GitHub(), Repeats: -1, StoreTimeout: 10 * time.Second, Observe: func(_ context.Context, e core.Event) {
		text, _ := e.Key.MarshalText()
		key = string(text)
	}})
	if err != nil {
		t.Fatal(err)
	}
	body := []byte(`{"zen":"Keep it logically awesome."}`)
	r := core.Request{Method: http.MethodPost, URL: "/hook", Header: http.Header{"X-Github-Event": {"ping"}}, Body: body}
	if err := schemes.Sign(schemes.GitHub(), &r, "00000000-0000-4000-8000-000000000001", time.Now(), secret); err != nil {
		t.Fatal(err)
	}
	serve := func() (runs int) {
		post := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/hook", bytes.NewReader(body))
		post.Header = r.Header.(http.Header).Clone() //nolint:errcheck // it was made above
		nethttp.New(v)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { runs++ })).ServeHTTP(httptest.NewRecorder(), post)
		return runs
	}
	if serve() != 1 || serve() != 0 {
		t.Fatal("it does not run once")
	}
	var raw bytes.Buffer
	raw.WriteString("POST /hook HTTP/1.1\r\n")
	_ = r.Header.(http.Header).Write(&raw) //nolint:errcheck // to a buffer
	raw.WriteString("\r\n" + string(body))
	request, secrets := filepath.Join(t.TempDir(), "request.txt"), filepath.Join(t.TempDir(), "secret.txt")
	if err := errors.Join(os.WriteFile(request, raw.Bytes(), 0o600), os.WriteFile(secrets, []byte(secret), 0o600)); err != nil {
		t.Fatal(err)
	}
	program := buildHookonce(t)
	seen := func(args ...string) string {
		args = append([]string{"seen", "--store", "sqlite:" + file, "--namespace", "github", "--scheme", "github"}, args...)
		out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	if out := seen("show", "--key", key); !strings.Contains(out, "state               done") {
		t.Error(out)
	}
	if out := seen("--request", request, "--secret-file", secrets, "forget"); !strings.Contains(out, key) || !strings.Contains(out, "forgotten") {
		t.Error(out)
	}
	if out := seen("show", "--key", key); !strings.Contains(out, "state               released") {
		t.Error(out)
	}
	if serve() != 1 {
		t.Error("it does not run again")
	}
	id := r.Header.(http.Header) //nolint:errcheck // it was made above
	id.Set("X-Github-Delivery", "00000000-0000-4000-8000-000000000002")
	if serve() != 0 {
		t.Fatal("equal content under another id runs, and Repeats is -1")
	}
	if out := seen("forget", "--key", key); !strings.Contains(out, "the count of messages with this content") {
		t.Error(out)
	}
	if serve() != 1 {
		t.Error("it does not run once the count is forgotten")
	}
}

func buildHookonce(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "hookonce")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "github.com/hookonce/hookonce/cmd/hookonce")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// seenReceiver has a handler that responds with the status that the test sets, when the test says
// so.
type seenReceiver struct {
	t    *testing.T
	runs chan int
}

// say lets the handler continue.
func (r *seenReceiver) say(status int) {
	r.t.Helper()
	select {
	case r.runs <- status:
	case <-time.After(10 * time.Second):
		r.t.Fatal("the handler does not run")
	}
}

func (r *seenReceiver) serve(w http.ResponseWriter, _ *http.Request) {
	status := <-r.runs
	<-r.runs
	w.WriteHeader(status)
}

func rueidisOption(addr, password string) rueidis.ClientOption {
	return rueidis.ClientOption{InitAddress: []string{addr}, Password: password}
}

// addressOf returns a driver's DSN as a URL.
func addressOf(t *testing.T, dsn string) string {
	t.Helper()
	if strings.HasPrefix(dsn, "postgres://") {
		return dsn
	}
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	return "mysql://" + cfg.User + "@" + cfg.Addr + "/" + cfg.DBName
}
