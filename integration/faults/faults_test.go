// Package faults_test runs an endpoint of six processes, one for each
// framework, on one store, and makes everything go wrong. Handlers fail, panic
// and outlast the sender's patience. Responses are lost. Processes are killed
// anywhere, also between a message's effect and its record. Clocks differ by
// ten seconds. The store restarts or cannot be reached. An attacker replays
// everything they see to every server. The sender signs each attempt with a new
// timestamp, as Standard Webhooks says, on a compressed schedule. At the end a
// referee counts.
package faults_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/integration/faults/endpoint"
	"github.com/hookonce/hookonce/integration/services"
	"github.com/hookonce/hookonce/stores/sqlstore"
	"github.com/hookonce/hookonce/whtest"
)

// length is how long messages are sent. Their retries get the same time again.
func length(t *testing.T) time.Duration {
	t.Helper()
	if text := os.Getenv("HOOKONCE_FAULTS_SECONDS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("HOOKONCE_FAULTS_SECONDS: %v", err)
		}
		return time.Duration(n) * time.Second
	}
	if testing.Short() {
		return 8 * time.Second
	}
	return 25 * time.Second
}

func TestFaultsOnRedis(t *testing.T) {
	t.Parallel()
	s := services.StartRedis(t)
	w := newWorld(t, "redis", &s.Server, s.Addr, func(proxy string) string { return proxy })
	c := w.run(length(t), nil)
	w.mustHold(c)
}

func TestFaultsOnPostgres(t *testing.T) {
	t.Parallel()
	p := services.StartPostgres(t)
	migrate(t, p)
	w := newWorld(t, "postgres", &p.Server, p.Addr, p.DSNAt)
	c := w.run(length(t), nil)
	w.mustHold(c)
}

// TestFaultsInGroups: over one connection, the swaps of a process are sent in groups.
func TestFaultsInGroups(t *testing.T) {
	t.Parallel()
	t.Run("Redis", func(t *testing.T) {
		t.Parallel()
		s := services.StartRedis(t)
		w := newWorld(t, "redis", &s.Server, s.Addr, func(proxy string) string { return proxy }, endpoint.EnvOneConnection+"=1")
		w.mustHoldInGroups()
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		p := services.StartPostgres(t)
		migrate(t, p)
		w := newWorld(t, "postgres", &p.Server, p.Addr, p.DSNAt, endpoint.EnvOneConnection+"=1")
		w.mustHoldInGroups()
	})
	t.Run("MariaDB", func(t *testing.T) { // its driver tells nobody about its groups
		t.Parallel()
		m := services.StartMariaDB(t)
		db, err := sql.Open("mysql", m.DSN())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		if err := sqlstore.New("faults", db, sqlstore.MySQL).Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		w := newWorld(t, "mariadb", &m.Server, m.Addr, m.DSNAt, endpoint.EnvOneConnection+"=1")
		w.burst = 8
		w.mustHold(w.run(length(t), nil))
	})
}

// mustHoldInGroups sends several messages at once to a server.
func (w *world) mustHoldInGroups() {
	w.t.Helper()
	w.burst = 8
	c := w.run(length(w.t), nil)
	w.mustHold(c)
	if w.t.Logf("%d swaps in %d groups", c.grouped, c.groups); c.groups < 3 {
		w.t.Error("hardly a swap went in a group")
	}
}

// TestFaultsOnPostgresWithATransactionOfTheHandler: no effect happens twice, whatever dies.
func TestFaultsOnPostgresWithATransactionOfTheHandler(t *testing.T) {
	t.Parallel()
	p := services.StartPostgres(t)
	db := migrate(t, p)
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE effects (message text)"); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, "transaction", &p.Server, p.Addr, p.DSNAt)
	c := w.run(length(t), func() map[string]int { return countEffects(t, db) })
	w.mustHold(c)
	if c.twiceKilled+c.twiceCutOff > 0 {
		t.Errorf("effects happened twice: %v", c)
	}
}

// TestTheCountsSeeAStoreThatForgets proves that the referee can find a fault.
func TestTheCountsSeeAStoreThatForgets(t *testing.T) {
	t.Parallel()
	s := services.StartRedis(t)
	w := newWorld(t, "redis", &s.Server, s.Addr, func(proxy string) string { return proxy }, endpoint.EnvBroken+"=1")
	if c := w.run(6*time.Second, nil); c.again == 0 || c.admitted == 0 {
		t.Errorf("nothing was seen: %v", c)
	}
}

func migrate(t *testing.T, p *services.Postgres) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", p.DSN())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if err := sqlstore.New("faults", db, sqlstore.Postgres).Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db
}

func countEffects(t *testing.T, db *sql.DB) map[string]int {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "SELECT message, count(*) FROM effects GROUP BY message")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	found := make(map[string]int)
	for rows.Next() {
		var id string
		var n int
		if err := rows.Scan(&id, &n); err != nil {
			t.Fatal(err)
		}
		found[id] = n
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}

// world is everything except the store.
type world struct {
	t      *testing.T
	store  *services.Server
	ledger string
	nodes  []*node
	client *http.Client
	signer *core.Signer
	burst  int // so many messages are sent at once

	mu       sync.Mutex
	sent     map[string]bool // messages: acknowledged
	seen     []attempt       // by the attacker
	died     map[string]bool // processes
	admitted atomic.Int64
	restarts atomic.Int64
	replays  atomic.Int64

	away        atomic.Int64  // answers while the store could not be reached
	slowestAway atomic.Int64  // of them, in nanoseconds
	done        chan struct{} // closed when the chaos ends
}

// node is one server, through all its processes.
type node struct {
	program, addr string
	env           []string
	proxy         *whtest.Proxy

	mu   sync.Mutex
	pid  int
	cut  time.Time // since when it has been cut off from the store; zero if it is not
	stop bool
}

// attempt is what goes over the wire, where everybody can see it.
type attempt struct {
	id     string
	at     time.Time
	header http.Header
	body   []byte
}

func newWorld(t *testing.T, kind string, store *services.Server, addr string, target func(proxy string) string, env ...string) *world {
	t.Helper()
	w := &world{
		t: t, store: store, burst: 1, ledger: filepath.Join(t.TempDir(), "ledger"), done: make(chan struct{}),
		sent: make(map[string]bool), died: make(map[string]bool),
		client: &http.Client{Timeout: time.Second}, // a sender's patience
	}
	if err := os.WriteFile(w.ledger, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if w.signer, err = core.NewSigner(endpoint.Secret); err != nil {
		t.Fatal(err)
	}
	skews := []string{"-5s", "5s", "-2s", "3s", "-4s", "1s"}
	majors := services.BuildMajors(t)
	for i, framework := range slices.Concat(slices.Sorted(maps.Keys(frameworks)), services.Majors()) {
		n := &node{program: os.Args[0], addr: services.FreeAddr(t), proxy: whtest.NewProxy(t, addr)}
		if i >= len(frameworks) {
			n.program = majors
		}
		n.env = append([]string{
			endpoint.EnvFramework + "=" + framework, endpoint.EnvAddr + "=" + n.addr, endpoint.EnvStore + "=" + kind,
			endpoint.EnvTarget + "=" + target(n.proxy.Addr()), endpoint.EnvSkew + "=" + skews[i], endpoint.EnvLedger + "=" + w.ledger,
		}, env...)
		w.nodes = append(w.nodes, n)
	}
	return w
}

// keep restarts the server of a node until the node stops.
func (w *world) keep(n *node) {
	runtime.LockOSThread() // Pdeathsig looks at the thread that started the process
	for {
		cmd := exec.Command(n.program)
		cmd.Env = append(os.Environ(), n.env...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		stderr := new(bytes.Buffer)
		cmd.Stderr = stderr
		n.mu.Lock()
		if n.stop {
			n.mu.Unlock()
			return
		}
		if err := cmd.Start(); err != nil {
			n.mu.Unlock()
			w.t.Errorf("a server did not start: %v", err)
			return
		}
		n.pid = cmd.Process.Pid
		n.mu.Unlock()
		err := cmd.Wait()
		if cmd.ProcessState.ExitCode() != -1 {
			w.t.Errorf("a server ended by itself: %v\n%s", err, stderr)
			return
		}
		w.mu.Lock()
		w.died[strconv.Itoa(cmd.Process.Pid)] = true
		w.mu.Unlock()
	}
}

func (n *node) kill(stop bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.stop = n.stop || stop
	if n.pid != 0 {
		_ = syscall.Kill(n.pid, syscall.SIGKILL) // not waited for yet, or gone and its number unused since
	}
}

// run sends messages for a while, waits until the last one is acknowledged, and has the referee
// judge the ledger.
func (w *world) run(d time.Duration, effects func() map[string]int) counts {
	w.t.Helper()
	var servers, senders, chaos sync.WaitGroup
	for _, n := range w.nodes {
		servers.Go(func() { w.keep(n) })
		w.t.Cleanup(func() { n.kill(true) })
	}
	for _, n := range w.nodes {
		w.waitFor(n)
	}
	chaos.Go(w.killServers)
	chaos.Go(w.restartStore)
	chaos.Go(w.cutOff)
	for range 4 {
		chaos.Go(w.attack)
	}
	begun := time.Now()
	for time.Since(begun) < d {
		first := w.any()
		for range w.burst {
			senders.Go(func() { w.send(first) })
		}
		time.Sleep(rand.N(time.Duration(w.burst) * 120 * time.Millisecond))
	}
	// Chaos continues during the first retries of the last messages, and then ends so that all can
	// succeed.
	time.Sleep(d / 4)
	close(w.done)
	senders.Wait()
	chaos.Wait()
	// The attacker's last chance: everything at once, within the replay window and after it.
	w.replayAll()
	for _, n := range w.nodes {
		n.kill(true)
	}
	servers.Wait()

	var found map[string]int
	if effects != nil {
		found = effects()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	c := judge(w.t, w.ledger, w.sent, w.died, found)
	c.admitted, c.restarts = int(w.admitted.Load()), int(w.restarts.Load())
	w.t.Logf("%v; attempts of the sender %d, replays of the attacker %d; answers while the store was away %d, the slowest after %v",
		c, len(w.seen), w.replays.Load(), w.away.Load(), time.Duration(w.slowestAway.Load()).Round(time.Millisecond))
	return c
}

// mustHold checks the library's promises.
func (w *world) mustHold(c counts) {
	w.t.Helper()
	if c.lost != 0 || c.admitted != 0 || c.again != 0 || c.twiceUnexplained != 0 {
		w.t.Error(c)
	}
	if c.messages < 50 || c.kills == 0 || w.away.Load() == 0 || w.replays.Load() == 0 {
		w.t.Errorf("too little happened: %v, answers while the store was away %d", c, w.away.Load())
	}
	if slowest := time.Duration(w.slowestAway.Load()); slowest > endpoint.StoreTimeout+5*time.Second {
		w.t.Errorf("an answer took %v while the store was away, and the timeout of the store is %v", slowest, endpoint.StoreTimeout)
	}
}

func (w *world) waitFor(n *node) {
	w.t.Helper()
	for range 500 {
		if res, err := w.client.Get("http://" + n.addr); err == nil {
			res.Body.Close()
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	w.t.Fatalf("the server at %s does not answer", n.addr)
}

// pause waits, and returns false if the chaos has ended.
func (w *world) pause(d time.Duration) bool {
	select {
	case <-w.done:
		return false
	case <-time.After(d):
		return true
	}
}

func (w *world) any() *node { return w.nodes[rand.IntN(len(w.nodes))] }

// send sends one message, until it is acknowledged: to a server and then to any, each attempt with
// a timestamp of its own.
func (w *world) send(to *node) {
	id := core.NewID()
	body := fmt.Appendf(nil, `{"id":%q}`, id)
	w.mu.Lock()
	w.sent[id] = false
	w.mu.Unlock()
	// The schedule of Standard Webhooks, shortened: at once, then with growing pauses.
	pauses := []time.Duration{1200 * time.Millisecond, 2 * time.Second, 3 * time.Second, 4 * time.Second}
	began := time.Now()
	for i := 0; time.Since(began) < 2*time.Minute; i++ {
		at := time.Now()
		a := attempt{id: id, at: at, header: http.Header{}, body: body}
		if err := w.signer.Sign(a.header, id, at, body); err != nil {
			w.t.Error(err)
			return
		}
		w.mu.Lock()
		w.seen = append(w.seen, a)
		w.mu.Unlock()
		status, _ := w.present(to, a)
		if to = w.any(); status/100 == 2 {
			w.mu.Lock()
			w.sent[id] = true
			w.mu.Unlock()
			return
		}
		pause := pauses[min(i, len(pauses)-1)]
		time.Sleep(pause + rand.N(pause/4))
	}
}

// present sends an attempt to a server. It returns the status, zero without a response, and whether
// the response says that the message had been handled before.
func (w *world) present(n *node, a attempt) (status int, again bool) {
	began := time.Now()
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://"+n.addr, bytes.NewReader(a.body))
	if err != nil {
		w.t.Error(err)
		return 0, false
	}
	r.Header = a.header.Clone()
	// An attempt that ran entirely during the store's absence has seen nothing of it.
	n.mu.Lock()
	cut := n.cut
	n.mu.Unlock()
	client := w.client
	isAway := !cut.IsZero() && began.Sub(cut) > 300*time.Millisecond
	if isAway {
		client = &http.Client{Timeout: 10 * time.Second, Transport: client.Transport} // more patience than a sender's, to measure
	}
	res, err := client.Do(r)
	took := time.Since(began)
	if err != nil {
		if timeout := (*url.Error)(nil); isAway && errors.As(err, &timeout) && timeout.Timeout() {
			w.t.Errorf("while the store was away: no answer within %v", client.Timeout)
		}
		return 0, false // the server was killed
	}
	_, _ = io.Copy(io.Discard, res.Body)
	res.Body.Close()
	n.mu.Lock()
	stillAway := n.cut.Equal(cut)
	n.mu.Unlock()
	switch {
	case !isAway, res.StatusCode == http.StatusUnauthorized: // what is not authentic and fresh never gets to the store
	case stillAway || res.StatusCode == http.StatusServiceUnavailable:
		for slowest := w.slowestAway.Load(); int64(took) > slowest && !w.slowestAway.CompareAndSwap(slowest, int64(took)); slowest = w.slowestAway.Load() {
			continue
		}
		w.away.Add(1)
		if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
			w.t.Errorf("while the store was away: answered %d, Retry-After %q", res.StatusCode, res.Header.Get("Retry-After"))
		}
	case took > 2*endpoint.StoreTimeout+5*time.Second:
		// The store came back, and the message was handled: a visit to claim it and one to settle
		// it.
		w.t.Errorf("an answer %d took %v, and the timeout of each visit to the store is %v", res.StatusCode, took, endpoint.StoreTimeout)
	}
	return res.StatusCode, res.Header.Get(core.RedeliveryHeader) != ""
}

// attack replays what was seen: at once, while it is being handled, and until the end of the replay
// window.
func (w *world) attack() {
	for w.pause(rand.N(20 * time.Millisecond)) {
		w.mu.Lock()
		var a attempt
		if n := len(w.seen); n > 0 {
			// The newest attempt, which a handler may still be processing, is replayed as often as
			// any other.
			a = w.seen[n-1]
			if rand.IntN(2) == 0 {
				a = w.seen[rand.IntN(n)]
			}
		}
		w.mu.Unlock()
		if a.id != "" {
			w.replay(a)
		}
	}
}

// replay counts an attempt as admitted if it runs a message that the sender knows to be handled.
func (w *world) replay(a attempt) {
	w.mu.Lock()
	handled := w.sent[a.id]
	w.mu.Unlock()
	w.replays.Add(1)
	status, again := w.present(w.any(), a)
	if handled && status/100 == 2 && !again {
		w.admitted.Add(1)
	}
}

// replayAll replays every attempt that is within any server's window, and again a while later.
func (w *world) replayAll() {
	for range 3 {
		w.mu.Lock()
		seen := slices.Clone(w.seen)
		w.mu.Unlock()
		for _, a := range seen[max(0, len(seen)-1000):] {
			if time.Since(a.at) < endpoint.Window+10*time.Second {
				w.replay(a)
			}
		}
		time.Sleep(2 * time.Second)
	}
}

func (w *world) killServers() {
	for w.pause(1500*time.Millisecond + rand.N(1500*time.Millisecond)) {
		w.any().kill(false)
		w.restarts.Add(1)
	}
}

func (w *world) restartStore() {
	for w.pause(4*time.Second + rand.N(3*time.Second)) {
		w.away503(w.nodes, func() { w.store.Kill() }, w.store.Start)
	}
}

// cutOff is a partition between one server and the store.
func (w *world) cutOff() {
	for w.pause(2*time.Second + rand.N(2*time.Second)) {
		n := w.any()
		fault := n.proxy.Cut
		switch rand.IntN(3) {
		case 0:
			fault = n.proxy.Stall
		case 1:
			n.proxy.LoseReply() // not away: one reply is lost
			continue
		}
		w.away503([]*node{n}, fault, func() { n.proxy.Mend() })
	}
}

// away503 disconnects nodes from the store for a while.
func (w *world) away503(nodes []*node, begin, end func()) {
	begin()
	now := time.Now()
	mark := func(at time.Time) {
		for _, n := range nodes {
			n.mu.Lock()
			n.cut = at
			n.mu.Unlock()
		}
	}
	mark(now)
	w.pause(time.Second + rand.N(1500*time.Millisecond))
	mark(time.Time{})
	end()
}
