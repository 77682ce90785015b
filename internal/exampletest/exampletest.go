// Package exampletest runs examples as processes, as a reader does. It tests
// the same contract for examples that have their own go.mod.
package exampletest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/whtest"
)

// Programs is a directory of built examples.
type Programs string

// Main builds the packages, runs the tests with them in *dir, and removes them.
func Main(m *testing.M, dir *Programs, packages ...string) {
	os.Exit(run(m, dir, packages))
}

func run(m *testing.M, dir *Programs, packages []string) int {
	made, err := os.MkdirTemp("", "examples")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(made)
	if out, err := exec.Command("go", append([]string{"build", "-o", made}, packages...)...).CombinedOutput(); err != nil {
		panic(err.Error() + "\n" + string(out))
	}
	*dir = Programs(made)
	return m.Run()
}

func (p Programs) command(ctx context.Context, name string, env []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(string(p), name), args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}, env...)
	return cmd
}

// Outcome runs a program to its end.
func (p Programs) Outcome(t *testing.T, name string, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := p.command(ctx, name, env, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// Serve starts a server on a free port, and returns its address and the lines
// that it printed before the address.
func (p Programs) Serve(t *testing.T, name string, env ...string) (cmd *exec.Cmd, addr string, lines *bufio.Scanner) {
	t.Helper()
	cmd = p.command(context.WithoutCancel(t.Context()), name, append(env, "ADDR=127.0.0.1:0"))
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
		if t.Failed() {
			t.Logf("log of %s:\n%s", name, &errs)
		}
	})
	lines = bufio.NewScanner(stdout)
	if lines.Scan() {
		if m := regexp.MustCompile(`http://(127\.0\.0\.1:\d+)/hook$`).FindStringSubmatch(lines.Text()); m != nil {
			return cmd, m[1], lines
		}
	}
	_ = cmd.Wait()
	t.Fatalf("%s did not say where it listens: %q\n%s", name, lines.Text(), &errs)
	return nil, "", nil
}

func newSigner(t *testing.T, secrets ...string) *core.Signer {
	t.Helper()
	signer, err := core.NewSigner(secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

func do(t *testing.T, req *http.Request) (status int, body string) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// CheckServer tests the contract that the servers among the examples share. The
// response of the server called name contains its framework.
func (p Programs) CheckServer(t *testing.T, name string) {
	t.Run("contract", func(t *testing.T) {
		t.Parallel()
		p.testContract(t, name)
	})
	t.Run("without a secret it shows how to send", func(t *testing.T) {
		t.Parallel()
		p.testHint(t, name)
	})
	t.Run("if it cannot start it says why", func(t *testing.T) {
		t.Parallel()
		p.testCannotStart(t, name)
	})
}

func (p Programs) testContract(t *testing.T, name string) {
	t.Helper()
	next, old := core.GenerateSecret(), core.GenerateSecret()
	cmd, addr, _ := p.Serve(t, name, "WEBHOOK_SECRET="+next+"  "+old)
	signer, url, now := newSigner(t, next), "http://"+addr+"/hook", time.Now()

	const event = `{"type":"order.paid","amount":42}`
	status, body := do(t, whtest.NewRequest(t, signer, url, event, whtest.ID("msg_1"), whtest.At(now)))
	if status != http.StatusOK {
		t.Fatalf("a signed message: %d %s", status, body)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	want := map[string]any{
		"framework": name, "id": "msg_1", "type": "order.paid", "timestamp": float64(now.Unix()), "bytes": float64(len(event)),
	}
	for key, value := range want {
		if got[key] != value {
			t.Errorf("%s is %v, want %v", key, got[key], value)
		}
	}
	if len(got) != len(want) {
		t.Errorf("answer: %v", got)
	}

	for _, c := range []struct {
		name string
		req  *http.Request
		want int
	}{
		{"its replay", whtest.NewRequest(t, signer, url, event, whtest.ID("msg_1"), whtest.At(now)), 409},
		{"its redelivery", whtest.NewRequest(t, signer, url, event, whtest.ID("msg_1"), whtest.At(now.Add(time.Second))), 200},
		{"the second secret", whtest.NewRequest(t, newSigner(t, old), url, event), 200},
		{"an unknown secret", whtest.NewRequest(t, newSigner(t, core.GenerateSecret()), url, event), 401},
		{"an event without a type", whtest.NewRequest(t, signer, url, `[]`), 200},
		{"example.fail", whtest.NewRequest(t, signer, url, `{"type":"example.fail"}`, whtest.ID("msg_f"), whtest.At(now)), 500},
		{"its retry", whtest.NewRequest(t, signer, url, `{"type":"example.fail"}`, whtest.ID("msg_f"), whtest.At(now.Add(time.Second))), 500},
	} {
		if status, body := do(t, c.req); status != c.want {
			t.Errorf("%s: %d %s, want %d", c.name, status, body, c.want)
		}
	}

	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
}

func (p Programs) testHint(t *testing.T, name string) {
	t.Helper()
	_, addr, lines := p.Serve(t, name)
	hint := regexp.MustCompile(`^ADDR=(\S+) WEBHOOK_SECRET=(whsec_\S+) go run \./examples/sender$`)
	var m []string
	for m == nil && lines.Scan() {
		m = hint.FindStringSubmatch(lines.Text())
	}
	if m == nil || m[1] != addr {
		t.Fatalf("no line that sends a message to %s: %q", addr, m)
	}
	code, stdout, stderr := p.Outcome(t, "sender", []string{"ADDR=" + m[1], "WEBHOOK_SECRET=" + m[2]})
	if code != 0 || !strings.Contains(stdout, `"framework":"`+name+`"`) || !strings.Contains(stdout, `"type":"example.created"`) {
		t.Errorf("sender: exit %d\n%s%s", code, stdout, stderr)
	}
}

func (p Programs) testCannotStart(t *testing.T, name string) {
	t.Helper()
	busy, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = busy.Close() })
	good := "WEBHOOK_SECRET=" + core.GenerateSecret()
	for _, c := range []struct {
		name string
		env  []string
		want string
	}{
		// The address is in use too: a bad secret must be reported before the server tries to
		// listen.
		{"bad secret", []string{"WEBHOOK_SECRET=whsec_dG9vc2hvcnQ=", "ADDR=" + busy.Addr().String()}, "24"},
		{"empty secret", []string{"WEBHOOK_SECRET=", "ADDR=" + busy.Addr().String()}, "no key"},
		{"address in use", []string{good, "ADDR=" + busy.Addr().String()}, "address already in use"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := p.Outcome(t, name, c.env)
			if code != 1 || !strings.Contains(stderr, c.want) || stdout != "" || strings.Contains(stderr, "goroutine") {
				t.Errorf("exit %d, want 1 and %q\nstdout: %s\nstderr: %s", code, c.want, stdout, stderr)
			}
			if strings.Contains(stderr, "dG9vc2hvcnQ") {
				t.Error("the secret is printed")
			}
		})
	}
}
