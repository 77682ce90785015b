// Package cli_test runs the real program hookonce: its commands in scripts, its
// processes against each other, and the commands that docs/troubleshooting.md
// shows.
package cli_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// programs is the directory of the built program.
var programs string

func TestMain(m *testing.M) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "hookonce")
	if err != nil {
		panic(err)
	}
	programs = dir
	build := exec.CommandContext(context.Background(), "go", "build", "-o", filepath.Join(dir, "hookonce"), "github.com/hookonce/hookonce/cmd/hookonce")
	out, err := build.CombinedOutput()
	if err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, params("testdata/script", nil))
}

// TestFrameworks runs the scripts in each framework.
func TestFrameworks(t *testing.T) {
	t.Parallel()
	for _, framework := range []string{"nethttp", "gin", "echo", "fiber"} {
		t.Run(framework, func(t *testing.T) {
			t.Parallel()
			testscript.Run(t, params("testdata/frameworks", []string{"FRAMEWORK=" + framework}))
		})
	}
}

func params(dir string, env []string) testscript.Params {
	return testscript.Params{
		Dir: dir,
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", programs+string(os.PathListSeparator)+os.Getenv("PATH"))
			e.Vars = append(e.Vars, env...)
			e.Values[listenerKey{}] = new(listener)
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"listen":    listen,
			"interrupt": interrupt,
			"ended":     ended,
			"exits":     exits,
		},
	}
}

// A command that waits for standard input has nothing to clean up, so the first Ctrl-C ends it.
func TestASignalEndsACommandThatWaitsForInput(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"verify", "--secret", "x", "--request", "-"},
		{"send", "--secret", "x", "--scheme", "github", "--to", "http://127.0.0.1:1/", "--body", "-"},
	} {
		cmd := exec.CommandContext(t.Context(), filepath.Join(programs, "hookonce"), args...)
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(300 * time.Millisecond) // until it reads; earlier it would end as well
		began := time.Now()
		late := time.AfterFunc(10*time.Second, func() { _ = in.Close() })
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		err = cmd.Wait()
		late.Stop()
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s ended after %v: %v", args[0], took, err)
		}
	}
}

// listener is the hookonce listen of a script.
type listener struct {
	cmd    *exec.Cmd
	exited chan error
}

type listenerKey struct{}

// listen starts hookonce listen with these arguments, sets URL to its address, and writes its
// output to the file "listen".
func listen(ts *testscript.TestScript, _ bool, args []string) {
	l, _ := ts.Value(listenerKey{}).(*listener)
	out, err := os.Create(ts.MkAbs("listen"))
	ts.Check(err)
	exited := make(chan error, 1)
	l.exited = exited
	l.cmd = exec.Command(filepath.Join(programs, "hookonce"), append([]string{"listen", "--addr", "127.0.0.1:0"}, args...)...)
	l.cmd.Dir, l.cmd.Stdout, l.cmd.Stderr = ts.MkAbs("."), out, out
	ts.Check(l.cmd.Start())
	cmd := l.cmd // a script may start another
	go func() {
		err := cmd.Wait()
		exited <- errors.Join(err, out.Close())
	}()
	ts.Defer(func() { _ = cmd.Process.Kill() }) // nothing if it has ended
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if m := regexp.MustCompile(`http://[0-9.:]+/`).FindString(ts.ReadFile("listen")); m != "" {
			ts.Setenv("URL", m)
			return
		}
	}
	ts.Fatalf("hookonce listen does not say where it listens")
}

// ended waits until it ends by itself with status 0.
func ended(ts *testscript.TestScript, _ bool, _ []string) {
	l, _ := ts.Value(listenerKey{}).(*listener)
	select {
	case err := <-l.exited:
		ts.Check(err)
	case <-time.After(20 * time.Second):
		ts.Fatalf("hookonce listen does not end")
	}
}

// interrupt sends it SIGINT, as Ctrl-C does, or SIGTERM, and waits.
func interrupt(ts *testscript.TestScript, neg bool, args []string) {
	l, _ := ts.Value(listenerKey{}).(*listener)
	signal := syscall.SIGINT
	if len(args) > 0 && args[0] == "SIGTERM" {
		signal = syscall.SIGTERM
	}
	ts.Check(l.cmd.Process.Signal(signal))
	ended(ts, neg, nil)
}

// exits runs hookonce with the arguments after the first, which is the expected exit status.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec("hookonce", args[1:]...)
	status := 0
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		status = failed.ExitCode()
	} else {
		ts.Check(err)
	}
	if args[0] != strconv.Itoa(status) {
		ts.Fatalf("status %d instead of %s", status, args[0])
	}
}
