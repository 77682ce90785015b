// Package services starts real database servers for tests. Each runs on a free
// loopback port, in a folder of its own, as a child process that ends with the
// test. The programs come from the distribution's packages; `make services`
// installs missing ones.
package services

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hookonce/hookonce/internal/npmtest"
)

// Required is the environment variable that makes a missing server a failure
// instead of a reason to skip. Set it to 1.
const Required = npmtest.Required

// Server is a running server, such as Redis, PostgreSQL or MariaDB. It is
// stopped at the end of its test. Its methods are not safe for concurrent use.
type Server struct {
	// Addr is the host and port, the same after every Start.
	Addr string

	t       testing.TB
	name    string
	command func() *exec.Cmd
	stop    syscall.Signal // asks it to end in order
	ready   func(ctx context.Context) error
	log     string

	process *exec.Cmd
	ended   chan struct{}
}

// Find returns the path of a program, which Debian does not always put into
// PATH. It skips the test if the program is missing.
func Find(t testing.TB, program, pkg string) string {
	t.Helper()
	if path, err := exec.LookPath(program); err == nil {
		return path
	}
	for _, pattern := range []string{"/usr/sbin/", "/usr/lib/postgresql/*/bin/"} {
		if found, _ := filepath.Glob(pattern + program); len(found) > 0 {
			return found[len(found)-1]
		}
	}
	missing := fmt.Sprintf("%s is not installed: run `make services`, or install Debian's package %s", program, pkg)
	if os.Getenv(Required) == "1" {
		t.Fatal(missing + " (" + Required + " is set)")
	}
	t.Skip(missing)
	return ""
}

// FreeAddr returns a loopback address on which nobody listens. It stays
// reserved until this test ends.
func FreeAddr(t testing.TB) string {
	t.Helper()
	return address(freePort(t))
}

// Ports that the system does not give to outgoing connections or to programs
// that ask for any port. Linux begins with those at 32768.
const (
	firstPort = 10000
	ports     = 6000
)

// freePort returns a loopback port on which nobody listens. It stays reserved
// until this test ends: neither a program that asks for any free port nor
// another test gets it, in this process or a parallel one.
func freePort(t testing.TB) int {
	t.Helper()
	for range ports {
		if port := firstPort + rand.IntN(ports); reserve(t, port) && listens(port) {
			return port
		}
	}
	t.Fatalf("no port from %d to %d is free", firstPort, firstPort+ports-1)
	return 0
}

// reserve reserves a port by a name that exists only once in the system, and is
// freed when its process ends. Only Linux has such names.
func reserve(t testing.TB, port int) bool {
	if runtime.GOOS != "linux" {
		return true
	}
	name, err := net.Listen("unix", fmt.Sprintf("@hookonce-test-port-%d", port))
	if err != nil {
		return false
	}
	t.Cleanup(func() { name.Close() })
	return true
}

// listens reports whether a server could listen on the port.
func listens(port int) bool {
	l, err := net.Listen("tcp", address(port))
	if err != nil {
		return false
	}
	return l.Close() == nil
}

// folder is like t.TempDir, but short enough for the path of a socket, and
// accessible to the user as which a server runs.
func folder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "hookonce")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("the server's folder is left behind: %v", err)
		}
	})
	return dir
}

// launch starts s for the first time. Its folder must exist before, so that it
// is removed only after the server has ended.
func launch(t testing.TB, s *Server) {
	t.Helper()
	s.t = t
	t.Cleanup(s.Kill)
	s.Start()
}

// Start starts the server again, on the same port and data, and returns when it
// responds.
func (s *Server) Start() {
	s.t.Helper()
	if s.process != nil {
		s.t.Fatalf("%s runs already", s.name)
	}
	for range 50 {
		if s.start() {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	s.t.Fatalf("%s does not start; its log:\n%s", s.name, s.tail())
}

// start returns false if the server ended because remains of a killed one are
// still there. PostgreSQL's children leave its process group, and keep its
// memory for a moment longer.
func (s *Server) start() bool {
	s.t.Helper()
	output, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer output.Close()
	process := s.command()
	process.Stdout, process.Stderr = output, output
	if process.SysProcAttr == nil {
		process.SysProcAttr = &syscall.SysProcAttr{}
	}
	process.SysProcAttr.Setpgid = true // Ctrl-C reaches the test first
	process.SysProcAttr.Pdeathsig = syscall.SIGKILL
	started, ended := make(chan error, 1), make(chan struct{})
	go func() {
		runtime.LockOSThread() // Pdeathsig looks at the thread that started the process
		err := process.Start()
		started <- err
		if err == nil {
			_ = process.Wait()
		}
		close(ended)
	}()
	if err := <-started; err != nil {
		s.t.Fatalf("starting %s: %v", s.name, err)
	}
	s.process, s.ended = process, ended

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		err := s.ready(ctx)
		if err == nil {
			return true
		}
		select {
		case <-ended:
			s.process = nil
			if strings.Contains(s.tail(), "still in use") {
				return false
			}
			s.t.Fatalf("%s ended while starting; its log:\n%s", s.name, s.tail())
		case <-ctx.Done():
			s.t.Fatalf("%s does not answer (%v); its log:\n%s", s.name, err, s.tail())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *Server) tail() string {
	text, _ := os.ReadFile(s.log)
	return string(text[max(0, len(text)-2000):])
}

// Stop shuts the server down in order.
func (s *Server) Stop() { s.t.Helper(); s.end(s.stop) }

// Kill ends the server with SIGKILL: unwritten data is lost. It does nothing if
// the server has already ended.
func (s *Server) Kill() { s.t.Helper(); s.end(syscall.SIGKILL) }

func (s *Server) end(signal syscall.Signal) {
	s.t.Helper()
	if s.process == nil {
		return
	}
	var children []int
	if signal == syscall.SIGKILL {
		children = childrenOf(s.process.Process.Pid)
	}
	s.signal(signal)
	// The children of a killed PostgreSQL may serve one more query before they notice.
	for _, pid := range children {
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
	}
	select {
	case <-s.ended:
	case <-time.After(30 * time.Second):
		s.signal(syscall.SIGKILL)
		<-s.ended
		s.t.Errorf("%s did not end by signal %v within 30 seconds and was killed", s.name, signal)
	}
	s.process = nil
}

// childrenOf returns the ids of the processes that a process has started.
func childrenOf(parent int) []int {
	var found []int
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range stats {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		// The format is "pid (name) state ppid". The name may contain anything, even brackets.
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err == nil && len(fields) > 1 && fields[1] == strconv.Itoa(parent) {
			found = append(found, pid)
		}
	}
	return found
}

func (s *Server) signal(signal syscall.Signal) {
	s.t.Helper()
	pid := s.process.Process.Pid
	if signal == syscall.SIGKILL || signal == syscall.SIGSTOP || signal == syscall.SIGCONT {
		pid = -pid // and its children
	}
	if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		s.t.Errorf("signal %v to %s: %v", signal, s.name, err)
	}
}

// answers returns nil if something listens at addr.
func answers(ctx context.Context, addr string) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	return conn.Close()
}

func address(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

// run runs a program that sets up a server.
func run(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, out)
	}
}
