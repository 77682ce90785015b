// Package load_test sends 200,000 messages to a real server in each framework,
// and makes 50,000 hostile connections to it at the same time. Then it checks
// what the server still has: goroutines, memory, file descriptors, and records
// in its store.
package load_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/integration/load/endpoint"
	"github.com/hookonce/hookonce/integration/services"
	"github.com/hookonce/hookonce/internal/testmode"
)

// messageCount is the number of messages for each framework. The number of hostile connections is a
// quarter of it.
func messageCount(t *testing.T) int {
	t.Helper()
	if testing.Short() {
		t.Skip("takes a minute for each framework: run `make test-all`")
	}
	text := os.Getenv("HOOKONCE_LOAD_MESSAGES")
	switch {
	case text == "" && testmode.Race:
		return 20_000 // make long sends all of them
	case text == "":
		return 200_000
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 4000 {
		t.Fatalf("HOOKONCE_LOAD_MESSAGES is %q: a number from 4000 on", text)
	}
	return n
}

// TestLoadLeavesNothingBehind is not parallel, nor are its frameworks, because the server's time
// limits are short.
func TestLoadLeavesNothingBehind(t *testing.T) {
	count := messageCount(t)
	programs := map[string]string{}
	for framework := range frameworks {
		programs[framework] = os.Args[0]
	}
	majors := services.BuildMajors(t)
	for _, framework := range services.Majors() {
		programs[framework] = majors
	}
	for _, framework := range slices.Sorted(maps.Keys(programs)) {
		t.Run(framework, func(t *testing.T) {
			s := start(t, programs[framework], framework)
			before, after := s.load(t, count)
			for _, leak := range leaks(before, after) {
				t.Error(leak)
			}
		})
	}
}

// TestTheCountsSeeALeak proves that the test above can fail.
func TestTheCountsSeeALeak(t *testing.T) {
	messageCount(t)
	s := start(t, os.Args[0], "nethttp", endpoint.EnvLeaks+"=1")
	before, after := s.load(t, 10_000)
	if found := leaks(before, after); len(found) != 4 {
		t.Errorf("a server leaks goroutines, files, memory and records, and this is seen: %q", found)
	}
}

// leaks compares. A goroutine or two begin when they are needed first. The heap
// keeps what the busiest moment needed, of ended goroutines and of the store, up
// to a megabyte. Ten bytes a message are found.
func leaks(before, after endpoint.Holdings) (found []string) {
	for _, c := range []struct {
		what                string
		before, after, more int64
	}{
		{"goroutines", int64(before.Goroutines), int64(after.Goroutines), 2},
		{"file descriptors", int64(before.Descriptors), int64(after.Descriptors), 2},
		{"bytes of heap", before.Heap, after.Heap, 2 << 20},
		{"records in the store", int64(before.Records), int64(after.Records), 0},
	} {
		if c.after > c.before+c.more {
			found = append(found, fmt.Sprintf("%d %s, and %d before", c.after, c.what, c.before))
		}
	}
	return found
}

// process is a server in a process of its own.
type process struct {
	framework, addr string
	in              io.Writer
	out             *json.Decoder
	ended           chan struct{}
}

// start starts a server, which ends with the test.
func start(t *testing.T, program, framework string, env ...string) *process {
	t.Helper()
	cmd := exec.Command(program)
	cmd.Env = append(append(os.Environ(), endpoint.EnvFramework+"="+framework), env...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s := &process{framework: framework, in: in, out: json.NewDecoder(out), ended: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		defer close(s.ended)
		runtime.LockOSThread() // Pdeathsig looks at the thread that started the process
		err := cmd.Start()
		started <- err
		if err == nil {
			_, _ = cmd.Process.Wait()
		}
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		select {
		case <-s.ended:
		case <-time.After(10 * time.Second):
			_ = cmd.Process.Kill()
			<-s.ended
		}
	})
	if err := s.out.Decode(&s.addr); err != nil {
		t.Fatalf("the server did not start: %v", err)
	}
	return s
}

// holds asks what the server holds now.
func (s *process) holds(t *testing.T) (h endpoint.Holdings) {
	t.Helper()
	if _, err := io.WriteString(s.in, "\n"); err != nil {
		t.Fatal(err)
	}
	if err := s.out.Decode(&h); err != nil {
		t.Fatalf("the server ended: %v", err)
	}
	return h
}

// settled asks until the server holds what it held before, but for the heap, or
// nothing has changed for twelve seconds. By then records have expired, and
// fasthttp has ended the goroutines that it keeps for further connections.
func (s *process) settled(t *testing.T, before endpoint.Holdings) endpoint.Holdings {
	t.Helper()
	last, since := s.holds(t), time.Now()
	for before.Heap = last.Heap; time.Since(since) < 12*time.Second; time.Sleep(500 * time.Millisecond) {
		now := s.holds(t)
		if len(leaks(before, now)) == 0 {
			return now
		}
		if now.Goroutines != last.Goroutines || now.Records != last.Records || now.Descriptors != last.Descriptors {
			last, since = now, time.Now()
		}
	}
	return s.holds(t)
}

// load sends so many messages. It returns what the server held before the first
// one, with the heap of a server that has been busy, and what it holds afterwards.
func (s *process) load(t *testing.T, count int) (before, after endpoint.Holdings) {
	t.Helper()
	signer, err := core.NewSigner(endpoint.Secret)
	if err != nil {
		t.Fatal(err)
	}
	before = s.holds(t)
	all(s.addr, signer, 20_000, 5000)
	before.Heap = s.settled(t, before).Heap
	began := time.Now()
	good, bad := all(s.addr, signer, count, count/4)
	took := time.Since(began).Round(time.Second)
	busy := s.holds(t)
	after = s.settled(t, before)
	t.Logf("%s, in %v: before %+v; right after %+v; settled %+v", s.framework, took, before, busy, after)
	wants := make(map[string][]string)
	for _, m := range messages() {
		wants[m.name] = []string{m.want}
	}
	good.check(t, wants, count, 1000)
	clear(wants)
	for _, a := range attacks() {
		wants[a.name] = a.wants
	}
	bad.check(t, wants, count/4, 100)
	return before, after
}
