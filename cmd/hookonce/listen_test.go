package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/explain"
	"github.com/hookonce/hookonce/stores/memstore"
)

func frameworks() []string { return []string{"nethttp", "gin", "echo", "fiber"} }

// receiving is a hookonce listen that runs in this process.
type receiving struct {
	url  string
	stop func()
	code chan int
	read chan struct{} // closed when all output is read

	mu    sync.Mutex
	lines []string
}

func startListening(t *testing.T, args ...string) *receiving {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	l := &receiving{stop: cancel, code: make(chan int, 1), read: make(chan struct{})}
	go func() {
		l.code <- run(ctx, append([]string{"listen", "--addr", "127.0.0.1:0"}, args...), strings.NewReader(""), w, io.Discard, os.LookupEnv)
		w.Close()
	}()
	first := make(chan string, 1)
	go func() {
		defer close(l.read)
		for s := bufio.NewScanner(r); s.Scan(); {
			l.mu.Lock()
			if l.lines = append(l.lines, s.Text()); len(l.lines) == 1 {
				first <- s.Text()
			}
			l.mu.Unlock()
		}
	}()
	t.Cleanup(func() { cancel(); <-l.read })
	select {
	case line := <-first:
		_, address, _ := strings.Cut(line, "http://")
		address, _, _ = strings.Cut(address, "/")
		l.url = "http://" + address + "/hook"
	case code := <-l.code:
		t.Fatalf("listen ended with %d", code)
	}
	return l
}

func (l *receiving) ended(t *testing.T) []string {
	t.Helper()
	select {
	case code := <-l.code:
		if code != 0 {
			t.Errorf("listen ended with %d", code)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("listen does not end")
	}
	<-l.read
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines
}

func TestEveryDeliveryIsToldWithItsVerdict(t *testing.T) {
	t.Parallel()
	for _, framework := range frameworks() {
		t.Run(framework, func(t *testing.T) {
			t.Parallel()
			secret, stranger := file(t, core.GenerateSecret()), file(t, core.GenerateSecret())
			l := startListening(t, "--framework", framework, "--secret-file", secret, "--other", "staging="+stranger, "--count", "5", "--json", "--answer", "503,200")
			send := func(code int, args ...string) {
				t.Helper()
				got := hookonce(t, "", nil, append([]string{"send", "--to", l.url, "--attempts", "1", "--id", "msg_1"}, args...)...)
				if got.code != code {
					t.Errorf("%q: %+v", args, got)
				}
			}
			now := time.Now().Unix()
			send(1, "--secret-file", secret)                                        // the handler fails
			send(0, "--secret-file", secret, "--now", strconv.FormatInt(now+2, 10)) // and succeeds
			send(0, "--secret-file", secret, "--now", strconv.FormatInt(now+1, 10)) // older: acknowledged, see below
			send(1, "--secret-file", stranger)                                      // refused
			send(1, "--scheme", "github", "--secret", "a text")                     // nothing of ours
			want := []received{
				{Status: 503, Reason: core.ErrHandlerFailed, ID: "msg_1", Key: "key-1"},
				{Status: 200, Reason: core.Handled, ID: "msg_1", Key: "key-1"},
				{Status: 200, Reason: core.ErrReplay, ID: "msg_1", Key: "key-1"},
				{Status: 401, Reason: core.ErrNoMatch, ID: "msg_1"},
				{Status: 400, Reason: core.ErrMissingHeader},
			}
			mistakes := []string{"", "", "", "other-key", "other-scheme"}
			lines := l.ended(t)
			if len(lines) != len(want)+1 {
				t.Fatalf("%q", lines)
			}
			for i, line := range lines[1:] {
				var got received
				if err := json.Unmarshal([]byte(line), &got); err != nil {
					t.Fatal(err)
				}
				if got.Status != want[i].Status || got.Reason != want[i].Reason || got.ID != want[i].ID || got.Key != want[i].Key || got.Path != "/hook" {
					t.Errorf("%s: want %+v", line, want[i])
				}
				mistake := ""
				if got.Explanation != nil && len(got.Explanation.Findings) > 0 {
					mistake = string(got.Explanation.Findings[0].Mistake)
				}
				if mistake != mistakes[i] {
					t.Errorf("%s: explained as %q, want %q", line, mistake, mistakes[i])
				}
			}
		})
	}
}

func TestARefusalIsExplainedOnTheNextLines(t *testing.T) {
	t.Parallel()
	secret := file(t, core.GenerateSecret())
	l := startListening(t, "--secret-file", secret)
	got := hookonce(t, "", nil, "send", "--to", l.url, "--attempts", "1", "--secret-file", secret, "--now", "1760000000")
	if got.code != 1 || !strings.Contains(got.errs, "401") {
		t.Errorf("%+v", got)
	}
	l.stop()
	lines := l.ended(t)
	want := []string{"listening on ", "", "         timestamp-past (proven): ", "           do:   ", "           look: "}
	if len(lines) != len(want) || !strings.Contains(lines[1], " 401 outside-window msg_") {
		t.Fatalf("%q", lines)
	}
	for i := range want {
		if !strings.HasPrefix(lines[i], want[i]) {
			t.Errorf("line %d is %q, want %q", i, lines[i], want[i])
		}
	}
}

// A stranger chooses the path. Package json escapes only some of the characters that a terminal
// interprets.
func TestNothingThatATerminalObeysIsPrinted(t *testing.T) {
	t.Parallel()
	for _, framework := range frameworks() {
		t.Run(framework, func(t *testing.T) {
			t.Parallel()
			l := startListening(t, "--framework", framework, "--secret-file", file(t, core.GenerateSecret()), "--json", "--count", "1")
			conn := dialed(t, l.url)
			const evil = "/a\u009b31m\u202e\u2028%1b%7f\U000e0001"
			if _, err := io.WriteString(conn, "POST "+evil+" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			lines := l.ended(t)
			if len(lines) != 2 || strings.ContainsFunc(lines[1], func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Fatalf("%q", lines)
			}
			var got received
			if err := json.Unmarshal([]byte(lines[1]), &got); err != nil || !strings.HasPrefix(got.Path, "/a\u009b31m\u202e\u2028") || !strings.HasSuffix(got.Path, "\U000e0001") {
				t.Errorf("%q: %v", got.Path, err)
			}
		})
	}
}

// A signature list of 4 KiB is allowed, and fasthttp's default for the whole head is no more.
func TestALargeHeadIsToldByAllFrameworks(t *testing.T) {
	t.Parallel()
	for _, framework := range frameworks() {
		secret := file(t, core.GenerateSecret())
		l := startListening(t, "--framework", framework, "--secret-file", secret, "--count", "1")
		got := hookonce(t, "", nil, "send", "--to", l.url, "--attempts", "1", "--secret-file", secret, "--header", "X-Trace: "+strings.Repeat("a", 30<<10))
		if got.code != 0 {
			t.Errorf("%s: %+v", framework, got)
		}
		l.stop()
		l.ended(t)
	}
}

// A client that sends a part of a request and waits cannot hold a connection for long.
func TestAConnectionThatWaitsIsClosed(t *testing.T) {
	t.Parallel()
	var waits sync.WaitGroup // all wait concurrently: subtests would run one after the other
	for _, framework := range frameworks() {
		l := startListening(t, "--framework", framework, "--secret-file", file(t, core.GenerateSecret()))
		for _, part := range []string{"POST /hook HTTP/1.1\r\nHo", "POST /hook HTTP/1.1\r\nHost: a\r\nWebhook-Id: m\r\nContent-Length: 9\r\n\r\n{"} {
			conn := dialed(t, l.url)
			_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
			if _, err := io.WriteString(conn, part); err != nil {
				t.Fatal(err)
			}
			waits.Go(func() {
				if _, err := io.Copy(io.Discard, conn); err != nil {
					t.Errorf("%s, %q: %v", framework, part, err)
				}
			})
		}
	}
	waits.Wait()
}

func dialed(t *testing.T, url string) net.Conn {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/hook"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// A flood waits in line: only a few large bodies are searched concurrently.
func TestAFloodIsExplainedAFewAtATime(t *testing.T) {
	t.Parallel()
	p := &printer{turns: make(chan struct{}, atOnce), why: make(map[error]explain.Explanation)}
	var now, most atomic.Int64
	keys := core.KeySourceFunc(func(context.Context, *core.Request) (string, *core.Keys, error) {
		for n := now.Add(1); ; {
			if old := most.Load(); n <= old || most.CompareAndSwap(old, n) {
				break
			}
		}
		time.Sleep(10 * time.Millisecond)
		now.Add(-1)
		return "", core.Secrets(core.GenerateSecret()), nil
	})
	v := core.Must(core.New(keys, memstore.New(), nil))
	var wg sync.WaitGroup
	for range 5 * atOnce {
		wg.Go(func() {
			p.refused(t.Context(), core.Refused{Verifier: v, Request: &core.Request{Header: http.Header{}}, Err: &core.Error{Reason: core.ErrMissingHeader}})
		})
	}
	wg.Wait()
	if most.Load() > 4 || len(p.why) != 5*atOnce {
		t.Errorf("%d at once, %d explained", most.Load(), len(p.why))
	}
}

func TestSeveralAtOnceAreToldWhole(t *testing.T) {
	t.Parallel()
	secret := file(t, core.GenerateSecret())
	const n = 30
	l := startListening(t, "--secret-file", secret, "--json", "--count", strconv.Itoa(n))
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			args := []string{"send", "--to", l.url, "--attempts", "1", "--secret-file", secret}
			if i%2 == 1 {
				args = append(args, "--now", "1760000000")
			}
			if got := hookonce(t, "", nil, args...); got.code != i%2 {
				t.Errorf("%+v", got)
			}
		})
	}
	wg.Wait()
	explained := 0
	for _, line := range l.ended(t)[1:] {
		var r received
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Error(err)
		}
		if (r.Explanation != nil) != (r.Status == 401) {
			t.Errorf("%s", line)
		}
		if r.Explanation != nil {
			explained++
		}
	}
	if explained != n/2 {
		t.Errorf("%d explained", explained)
	}
}
