package main

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/integration/services" //nolint:depguard // a test starts the server that the example needs
)

const (
	testSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" //nolint:gosec // of the tests
	killAt     = "MONEY_KILL_AT"                          // makes the test binary the server, which kills itself at that point
)

// TestMain runs the server if the environment says so: the program itself, with times that are
// short enough for a test.
func TestMain(m *testing.M) {
	point, server := os.LookupEnv(killAt)
	if !server {
		os.Exit(m.Run())
	}
	config = core.Config{Lease: time.Second, Skew: time.Millisecond}
	at = func(now string) {
		if now == point {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // never a step further
		}
	}
	main()
}

// points are all the places where the program can die while it handles a message. The empty one is
// between messages.
var points = []string{"verified", "begun", "debited", "credited", "written down", "recorded", "committed", ""}

// TestEachTransferHappensOnce kills the server with SIGKILL at every point of the handler, in every
// framework, on both engines. The sender retries with a new timestamp until it gets 2xx. The
// database shows how many times each effect happened.
func TestEachTransferHappensOnce(t *testing.T) {
	t.Parallel()
	engines := map[string]func(t *testing.T) (driver, dsn, env, dir string){
		"SQLite": func(t *testing.T) (driver, dsn, env, dir string) {
			dir = t.TempDir()
			return "sqlite", "file:" + dir + "/money.db?_pragma=busy_timeout(5000)", "", dir
		},
		"PostgreSQL": func(t *testing.T) (driver, dsn, env, dir string) {
			p := services.StartPostgres(t)
			return "pgx", p.DSN(), "DATABASE_URL=" + p.DSN(), t.TempDir()
		},
	}
	for engine, start := range engines {
		for framework := range frameworks {
			t.Run(engine+", "+framework, func(t *testing.T) {
				t.Parallel()
				driver, dsn, env, dir := start(t)
				c := &counts{t: t, dir: dir, env: []string{"FRAMEWORK=" + framework, "WEBHOOK_SECRET=" + testSecret, "ADDR=127.0.0.1:0", env}}
				for _, point := range points {
					c.message(point)
				}
				c.check(driver, dsn)
			})
		}
	}
}

// counts sends messages to servers that die, and counts the results.
type counts struct {
	t                         *testing.T
	dir                       string
	env                       []string
	messages, attempts, kills int
}

// message sends one until it is acknowledged. The first server to get it dies at point, and then
// once more, to see that a takeover is no safer to interrupt.
func (c *counts) message(point string) {
	c.t.Helper()
	c.messages++
	id := core.NewID()
	body := []byte(`{"from":"alice","to":"bob","cents":7}`)
	for _, kill := range []string{point, point, ""} {
		s := c.start(kill)
		for !s.dead.Load() {
			c.attempts++
			if status := s.send(id, body); status/100 == 2 {
				s.stop()
				// A redelivery must be acknowledged, and change nothing.
				time.Sleep(time.Second)
				s = c.start("")
				if again := s.send(id, body); again != http.StatusOK {
					c.t.Errorf("killed at %q: a redelivery was answered %d", point, again)
				}
				s.stop()
				return
			}
			time.Sleep(300 * time.Millisecond)
			if c.attempts > 1000 {
				c.t.Fatal("the message is not acknowledged")
			}
		}
		c.kills++
		s.stop()
	}
	c.t.Fatalf("killed at %q: the message was lost", point)
}

// check queries the database.
func (c *counts) check(driver, dsn string) {
	c.t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		c.t.Fatal(err)
	}
	defer db.Close()
	ask := func(query string) (n int) {
		c.t.Helper()
		if err := db.QueryRowContext(c.t.Context(), query).Scan(&n); err != nil {
			c.t.Fatal(err)
		}
		return n
	}
	effects, once := ask("SELECT count(*) FROM transfers"), ask("SELECT count(DISTINCT message) FROM transfers")
	alice, bob := ask("SELECT cents FROM accounts WHERE name = 'alice'"), ask("SELECT cents FROM accounts WHERE name = 'bob'")
	c.t.Logf("messages %d, kills %d, attempts %d, effects %d, twice %d, lost %d", c.messages, c.kills, c.attempts, effects, effects-once, c.messages-once)
	if effects != c.messages || once != c.messages {
		c.t.Errorf("%d messages had %d effects, of %d messages", c.messages, effects, once)
	}
	if bob != 7*c.messages || alice+bob != 1_000_000 {
		c.t.Errorf("alice has %d and bob %d after %d transfers of 7", alice, bob, c.messages)
	}
	if want := 2 * 6; c.kills < want {
		c.t.Errorf("the server died %d times, want at least %d", c.kills, want)
	}
}

// server is the program in its own process.
type server struct {
	t    *testing.T
	cmd  *exec.Cmd
	url  string
	dead atomic.Bool
	done chan struct{}
	log  *lockedBuffer
}

func (c *counts) start(kill string) *server {
	c.t.Helper()
	s := &server{t: c.t, cmd: exec.Command(os.Args[0]), done: make(chan struct{}), log: new(lockedBuffer)}
	s.cmd.Dir = c.dir
	s.cmd.Env = append(append(os.Environ(), c.env...), killAt+"="+kill)
	s.cmd.Stderr = s.log
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // Pdeathsig looks at the thread that started the process
		err := s.cmd.Start()
		started <- err
		if err == nil {
			line, _ := bufio.NewReader(out).ReadString('\n')
			_, s.url, _ = strings.Cut(strings.TrimSpace(line), "listens on ")
			started <- nil
			_ = s.cmd.Wait()
		}
		s.dead.Store(true)
		close(s.done)
	}()
	for range 2 {
		if err := <-started; err != nil {
			c.t.Fatal(err)
		}
	}
	c.t.Cleanup(s.stop)
	if s.url == "" {
		s.stop()
		c.t.Fatalf("the server did not start:\n%s", s.log)
	}
	return s
}

// stop shuts the server down, unless it has ended.
func (s *server) stop() {
	if !s.dead.Load() {
		_ = s.cmd.Process.Signal(syscall.SIGTERM)
	}
	select {
	case <-s.done:
	case <-time.After(30 * time.Second):
		_ = s.cmd.Process.Kill()
		s.t.Errorf("the server did not end:\n%s", s.log)
	}
}

// send makes one attempt, with its own timestamp, and returns the status: zero without a response.
func (s *server) send(id string, body []byte) int {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	signer, err := core.NewSigner(testSecret)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := signer.Sign(r.Header, id, time.Now(), body); err != nil {
		s.t.Fatal(err)
	}
	res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			s.t.Errorf("no answer in ten seconds:\n%s", s.log)
		}
		<-time.After(50 * time.Millisecond) // until its end is known
		return 0
	}
	defer res.Body.Close()
	return res.StatusCode
}

// lockedBuffer is written by a process and read by the test.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return fmt.Sprint(&l.b)
}
