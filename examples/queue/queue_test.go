package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/integration/services" //nolint:depguard // a test starts the server that the example needs
	"github.com/hookonce/hookonce/internal/docs"
)

const (
	testSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" //nolint:gosec // of the tests
	stopAt     = "QUEUE_STOP_AT"                          // makes the test binary the program, which stops itself at that point
	stopBy     = "QUEUE_STOP_BY"                          // STOP: not for good
	waitFor    = "QUEUE_WAIT_FOR"                         // a file: the work continues when it exists
)

// TestMain runs the program if the environment says so, with times that are short enough for a
// test.
func TestMain(m *testing.M) {
	point, program := os.LookupEnv(stopAt)
	if !program {
		os.Exit(m.Run())
	}
	config = core.Config{Lease: time.Second, Skew: time.Millisecond}
	limits.JobTimeout, limits.RescueStuckJobsAfter = 2*time.Second, 3*time.Second
	limits.FetchPollInterval, limits.RetryPolicy = 200*time.Millisecond, soon{}
	limits.Queues = map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 1}} // a kill has one job
	slow = func(ctx context.Context) error {
		time.Sleep(300 * time.Millisecond)
		for file := os.Getenv(waitFor); file != "" && ctx.Err() == nil; time.Sleep(10 * time.Millisecond) {
			if _, err := os.Stat(file); err == nil {
				return nil
			}
		}
		return ctx.Err()
	}
	signal := syscall.SIGKILL
	if os.Getenv(stopBy) == "STOP" {
		// As on a virtual machine that is paused: its clock stands still, so the context of the job
		// does not end.
		signal, limits.JobTimeout = syscall.SIGSTOP, -1
	}
	var once atomic.Bool
	at = func(now string) {
		if now == point && once.CompareAndSwap(false, true) {
			_ = syscall.Kill(os.Getpid(), signal)
			time.Sleep(time.Second) // never a step further: it takes a moment to arrive
		}
	}
	main()
}

// soon has failed jobs retried at once.
type soon struct{}

// NextRetry implements [river.ClientRetryPolicy].
func (soon) NextRetry(*rivertype.JobRow) time.Time { return time.Now().Add(200 * time.Millisecond) }

// TestEachMessageIsWorkedOnce kills the program with SIGKILL at every point of the handler and of
// the worker, and then once more, during the takeover. The sender retries with a new timestamp
// until it gets 2xx. The database shows how often each message was enqueued and had its effect.
func TestEachMessageIsWorkedOnce(t *testing.T) {
	t.Parallel()
	c := newCase(t, services.StartPostgres(t), "killed")
	body := []byte(`{"account":"alice","cents":7}`)
	var ids []string
	kills := 0
	// at sends the message until the program that dies at point has acknowledged it, or died. If it
	// is the worker that dies, it dies later.
	at := func(point, id string) {
		s := c.start(stopAt + "=" + point)
		c.deliver(s, id, body)
		c.until("it dies at "+point, s.dead.Load)
		kills++
	}
	for _, point := range []string{"verified", "enqueued", "recorded", "acknowledged"} {
		ids = append(ids, core.NewID())
		at(point, ids[len(ids)-1])
		if point != "acknowledged" { // its message is handled: the next attempt is a redelivery
			at(point, ids[len(ids)-1])
		}
		s := c.start(stopAt + "=")
		c.deliver(s, ids[len(ids)-1], body)
		c.worked(ids...)
		s.end(syscall.SIGTERM)
	}
	points := []string{"taken", "worked", "effected", "completed", "done"}
	for _, point := range points {
		ids = append(ids, core.NewID())
		at(point, ids[len(ids)-1])
	}
	for _, point := range points { // now it is whichever job is rescued first
		s := c.start(stopAt + "=" + point)
		c.until("it dies at "+point+" of a job that was rescued", s.dead.Load)
		kills++
	}
	s := c.start(stopAt + "=")
	for _, id := range ids {
		c.deliver(s, id, body) // a redelivery must be acknowledged, and change nothing
	}
	c.worked(ids...)
	rescued := c.ask("SELECT count(*) FROM river_job WHERE attempt > 2")
	t.Logf("messages %d, kills %d, jobs that were rescued twice %d", len(ids), kills, rescued)
	if rescued == 0 {
		t.Error("no job was rescued twice")
	}
	c.once(ids...)
}

// TestAWorkerThatIsHeldUpHasNoSecondEffect: its job is rescued and worked by another process, and
// then it continues.
func TestAWorkerThatIsHeldUpHasNoSecondEffect(t *testing.T) {
	t.Parallel()
	c := newCase(t, services.StartPostgres(t), "held")
	id := core.NewID()
	first := c.start(stopAt+"=worked", stopBy+"=STOP")
	c.deliver(first, id, []byte(`{"account":"alice","cents":7}`))
	c.until("the worker is stopped", func() bool { return strings.HasPrefix(first.state(), "T") })
	c.start(stopAt + "=")
	c.worked(id)
	if attempt := c.ask("SELECT attempt FROM river_job"); attempt < 2 {
		t.Errorf("the job had %d attempts, want the second one", attempt)
	}
	if err := first.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Second) // it continues after one second
	first.end(syscall.SIGTERM)
	c.once(id)
}

// TestAMessageIsAcknowledgedBeforeItsWorkBegins: and any bytes get through.
func TestAMessageIsAcknowledgedBeforeItsWorkBegins(t *testing.T) {
	t.Parallel()
	c := newCase(t, services.StartPostgres(t), "quick")
	file := filepath.Join(t.TempDir(), "acknowledged")
	s := c.start(stopAt+"=", waitFor+"="+file)
	id := core.NewID()
	if status := s.send(id, []byte(`{"account":"alice","cents":7}`)); status != http.StatusOK {
		t.Fatalf("answered %d", status)
	}
	if n := c.ask("SELECT count(*) FROM credits WHERE message = $1", id); n != 0 {
		t.Error("acknowledged after the work")
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c.worked(id)
	if status := s.send(core.NewID(), []byte("\x00 \xff is no JSON")); status != http.StatusOK {
		t.Errorf("a body with a NUL was answered %d", status)
	}
	c.until("what cannot be read is given up", func() bool { return c.ask("SELECT count(*) FROM river_job WHERE state = 'cancelled'") == 1 })
}

// TestAJobThatFailedForGoodIsWorkedAgain lists it and runs it again.
func TestAJobThatFailedForGoodIsWorkedAgain(t *testing.T) {
	t.Parallel()
	c := newCase(t, services.StartPostgres(t), "retried")
	s := c.start(stopAt + "=")
	id := core.NewID()
	c.deliver(s, id, []byte(`{"account":"bob","cents":7}`)) // there is no bob
	c.until("the first attempt fails", func() bool { return c.ask("SELECT count(*) FROM river_job WHERE errors IS NOT NULL") == 1 })
	c.exec("UPDATE river_job SET state = 'discarded', max_attempts = attempt, finalized_at = now()") // as after 25 attempts, three weeks later
	job := c.ask("SELECT id FROM river_job")
	if out := c.retry(); !strings.Contains(out, fmt.Sprint(job, " after ")) || !strings.Contains(out, `0 accounts "bob"`) {
		t.Errorf("listed: %s", out)
	}
	c.exec("INSERT INTO accounts VALUES ('bob', 0)")
	c.retry(strconv.Itoa(job))
	c.worked(id)
	if cents := c.ask("SELECT cents FROM accounts WHERE name = 'bob'"); cents != 7 {
		t.Errorf("bob has %d", cents)
	}
	if out := c.retry(); out != "" {
		t.Errorf("listed, when it has been worked: %s", out)
	}
}

// TestThePageShowsTheProgram compares the blocks of docs/acknowledge-first.md that
// use River with the files here.
func TestThePageShowsTheProgram(t *testing.T) {
	t.Parallel()
	all, err := docs.Blocks("../..")
	if err != nil {
		t.Fatal(err)
	}
	var program []byte
	for _, name := range []string{"main.go", "retry.go"} {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		program = append(program, source...)
	}
	found := 0
	for _, block := range all {
		if block.Module != docs.Queue {
			continue
		}
		if found++; !bytes.Contains(program, []byte(block.Text)) {
			t.Errorf("%s is not in the program as it is shown:\n%s", block.Name, block.Text)
		}
	}
	if found < 4 {
		t.Errorf("%d blocks of the program found: has the form of the page changed?", found)
	}
}

// setup is a database and the program that uses it.
type setup struct {
	t   *testing.T
	dsn string
	db  *pgxpool.Pool
}

func newCase(t *testing.T, p *services.Postgres, name string) *setup {
	t.Helper()
	c := &setup{t: t}
	c.connect(p.DSN())
	c.exec("CREATE DATABASE " + name)
	c.db.Close()
	c.connect(strings.Replace(p.DSN(), "/hookonce?", "/"+name+"?", 1))
	t.Cleanup(c.db.Close)
	return c
}

func (c *setup) connect(dsn string) {
	c.t.Helper()
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		c.t.Fatal(err)
	}
	config.MaxConns = 1
	if c.db, err = pgxpool.NewWithConfig(c.t.Context(), config); err != nil {
		c.t.Fatal(err)
	}
	c.dsn = dsn
}

func (c *setup) exec(statement string) {
	c.t.Helper()
	if _, err := c.db.Exec(c.t.Context(), statement); err != nil {
		c.t.Fatal(err)
	}
}

func (c *setup) ask(query string, args ...any) (n int) {
	c.t.Helper()
	if err := c.db.QueryRow(c.t.Context(), query, args...).Scan(&n); err != nil && !errors.Is(err, pgx.ErrNoRows) {
		c.t.Fatal(err)
	}
	return n
}

// until asks for two minutes: a leader of River that was killed is followed
// after a quarter of one, and failed attempts are made again later and later.
func (c *setup) until(what string, ask func() bool) {
	c.t.Helper()
	for began := time.Now(); !ask(); time.Sleep(100 * time.Millisecond) {
		if time.Since(began) > 2*time.Minute {
			c.t.Fatalf("not within two minutes: %s", what)
		}
	}
}

// deliver sends a message until it is acknowledged, or the program has died.
func (c *setup) deliver(s *program, id string, body []byte) {
	c.t.Helper()
	c.until("the message is acknowledged", func() bool {
		return s.dead.Load() || s.send(id, body)/100 == 2
	})
}

// worked waits until the jobs of these messages are complete.
func (c *setup) worked(ids ...string) {
	c.t.Helper()
	c.until("the jobs are completed", func() bool {
		return c.ask("SELECT count(DISTINCT args->>'message') FROM river_job WHERE state = 'completed' AND args->>'message' = ANY($1)", ids) == len(ids)
	})
}

// once queries the database for how many times each message was enqueued and had its effect.
func (c *setup) once(ids ...string) {
	c.t.Helper()
	for _, id := range ids {
		jobs := c.ask("SELECT count(*) FROM river_job WHERE args->>'message' = $1", id)
		effects := c.ask("SELECT count(*) FROM credits WHERE message = $1", id)
		if jobs != 1 || effects != 1 {
			c.t.Errorf("one message is %d jobs and %d effects", jobs, effects)
		}
	}
	if cents := c.ask("SELECT cents FROM accounts WHERE name = 'alice'"); cents != 7*len(ids) {
		c.t.Errorf("alice has %d after %d credits of 7", cents, len(ids))
	}
}

// retry runs "queue retry".
func (c *setup) retry(ids ...string) string {
	c.t.Helper()
	cmd := exec.CommandContext(c.t.Context(), os.Args[0], append([]string{"retry"}, ids...)...)
	cmd.Env = append(os.Environ(), stopAt+"=", "DATABASE_URL="+c.dsn)
	out, err := cmd.CombinedOutput()
	if err != nil {
		c.t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

// program is one process of the program.
type program struct {
	t    *testing.T
	cmd  *exec.Cmd
	url  string
	dead atomic.Bool
	done chan struct{}
	log  *lockedBuffer
}

func (c *setup) start(env ...string) *program {
	c.t.Helper()
	s := &program{t: c.t, cmd: exec.Command(os.Args[0]), done: make(chan struct{}), log: new(lockedBuffer)}
	s.cmd.Env = append(append(os.Environ(), "DATABASE_URL="+c.dsn, "WEBHOOK_SECRET="+testSecret, "ADDR=127.0.0.1:0"), env...)
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
		if err == nil {
			line, _ := bufio.NewReader(out).ReadString('\n')
			_, s.url, _ = strings.Cut(strings.TrimSpace(line), "listens on ")
		}
		started <- err
		if err == nil {
			_ = s.cmd.Wait()
		}
		s.dead.Store(true)
		close(s.done)
	}()
	if err := <-started; err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { s.end(syscall.SIGTERM) })
	if s.url == "" {
		s.end(syscall.SIGTERM)
		// It takes jobs before it listens to anybody, and may have died of one.
		if !strings.Contains(s.cmd.ProcessState.String(), "killed") {
			c.t.Fatalf("the program did not start:\n%s", s.log)
		}
	}
	return s
}

// end ends the program, if it has not ended.
func (s *program) end(signal syscall.Signal) {
	if !s.dead.Load() {
		_ = s.cmd.Process.Signal(signal)
	}
	select {
	case <-s.done:
	case <-time.After(30 * time.Second):
		_ = s.cmd.Process.Kill()
		s.t.Errorf("the program did not end:\n%s", s.log)
	}
}

// state is the process state of the kernel: T if it is stopped.
func (s *program) state() string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	_, state, _ := strings.Cut(string(text), ") ")
	return state
}

// send makes one attempt, with its own timestamp, and returns the status: zero without a response.
func (s *program) send(id string, body []byte) int {
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
		time.Sleep(50 * time.Millisecond) // until its end is known
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
	return l.b.String()
}
