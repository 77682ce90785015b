// Package examples_test runs the examples as processes, as a reader does.
package examples_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/whtest"
)

// programs builds all examples once and returns their directory.
var programs = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "examples")
	if err != nil {
		return "", err
	}
	out, err := exec.Command("go", "build", "-o", dir, "./...").CombinedOutput()
	if err != nil {
		return dir, errors.New(err.Error() + "\n" + string(out))
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, _ := programs(); dir != "" {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

func program(t *testing.T, ctx context.Context, name string, env []string, args ...string) *exec.Cmd { //nolint:revive // t comes first in tests
	t.Helper()
	dir, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, filepath.Join(dir, name), args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}, env...)
	return cmd
}

// runs a program to its end.
func outcome(t *testing.T, name string, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := program(t, ctx, name, env, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// serve starts a server on a free port and returns its address and what it printed up to that.
func serve(t *testing.T, name string, env ...string) (cmd *exec.Cmd, addr string, lines *bufio.Scanner) {
	t.Helper()
	cmd = program(t, context.WithoutCancel(t.Context()), name, append(env, "ADDR=127.0.0.1:0"))
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

func frameworks() []string { return []string{"nethttp", "gin", "echo", "fiber"} }

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

func TestServersShareAContract(t *testing.T) {
	t.Parallel()
	for _, name := range frameworks() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			next, old := core.GenerateSecret(), core.GenerateSecret()
			cmd, addr, _ := serve(t, name, "WEBHOOK_SECRET="+next+"  "+old)
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
		})
	}
}

func TestServerWithoutSecretShowsHowToSend(t *testing.T) {
	t.Parallel()
	for _, name := range frameworks() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, addr, lines := serve(t, name)
			hint := regexp.MustCompile(`^ADDR=(\S+) WEBHOOK_SECRET=(whsec_\S+) go run \./examples/sender$`)
			var m []string
			for m == nil && lines.Scan() {
				m = hint.FindStringSubmatch(lines.Text())
			}
			if m == nil || m[1] != addr {
				t.Fatalf("no line that sends a message to %s: %q", addr, m)
			}
			code, stdout, stderr := outcome(t, "sender", []string{"ADDR=" + m[1], "WEBHOOK_SECRET=" + m[2]})
			if code != 0 || !strings.Contains(stdout, `"framework":"`+name+`"`) || !strings.Contains(stdout, `"type":"example.created"`) {
				t.Errorf("sender: exit %d\n%s%s", code, stdout, stderr)
			}
		})
	}
}

func TestServerThatCannotStartSaysWhy(t *testing.T) {
	t.Parallel()
	busy, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = busy.Close() })
	good := "WEBHOOK_SECRET=" + core.GenerateSecret()
	for _, name := range frameworks() {
		for _, c := range []struct {
			name string
			env  []string
			want string
		}{
			// The address is in use as well: a bad secret must be found before that is tried.
			{"bad secret", []string{"WEBHOOK_SECRET=whsec_dG9vc2hvcnQ=", "ADDR=" + busy.Addr().String()}, "24"},
			{"empty secret", []string{"WEBHOOK_SECRET=", "ADDR=" + busy.Addr().String()}, "no key"},
			{"address in use", []string{good, "ADDR=" + busy.Addr().String()}, "address already in use"},
		} {
			t.Run(name+" "+c.name, func(t *testing.T) {
				t.Parallel()
				code, stdout, stderr := outcome(t, name, c.env)
				if code != 1 || !strings.Contains(stderr, c.want) || stdout != "" || strings.Contains(stderr, "goroutine") {
					t.Errorf("exit %d, want 1 and %q\nstdout: %s\nstderr: %s", code, c.want, stdout, stderr)
				}
				if strings.Contains(stderr, "dG9vc2hvcnQ") {
					t.Error("the secret is printed")
				}
			})
		}
	}
}

func TestSenderRetriesWithOneIDAndANewStamp(t *testing.T) {
	t.Parallel()
	var attempts []http.Header // the sender waits for each answer, so they come one by one
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if attempts = append(attempts, r.Header); len(attempts) < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer endpoint.Close()
	env := []string{"ADDR=" + endpoint.Listener.Addr().String(), "WEBHOOK_SECRET=" + core.GenerateSecret()}
	code, stdout, stderr := outcome(t, "sender", env)
	if code != 0 || len(attempts) != 3 {
		t.Fatalf("exit %d after %d attempts, want 0 after 3\n%s%s", code, len(attempts), stdout, stderr)
	}
	first, last := attempts[0], attempts[2]
	if id := first.Get("Webhook-Id"); id == "" || id != last.Get("Webhook-Id") {
		t.Errorf("the id is %q, then %q", id, last.Get("Webhook-Id"))
	}
	if first.Get("Webhook-Timestamp") >= last.Get("Webhook-Timestamp") {
		t.Errorf("the timestamp is %s, then %s", first.Get("Webhook-Timestamp"), last.Get("Webhook-Timestamp"))
	}
}

func TestSenderGivesUp(t *testing.T) {
	t.Parallel()
	secret := core.GenerateSecret()
	_, addr, _ := serve(t, "nethttp", "WEBHOOK_SECRET="+secret)
	code, stdout, stderr := outcome(t, "sender", []string{"ADDR=" + addr, "WEBHOOK_SECRET=" + secret}, "example.fail")
	if code != 1 || strings.Count(stdout, " 500 ") != 4 {
		t.Errorf("exit %d, want 1 after four attempts that each ran the handler\n%s%s", code, stdout, stderr)
	}
}

func TestSenderWithoutASecretExplainsItself(t *testing.T) {
	t.Parallel()
	if code, _, stderr := outcome(t, "sender", nil); code != 2 || !strings.Contains(stderr, "usage:") {
		t.Errorf("exit %d\n%s", code, stderr)
	}
}

func TestExamplesThatRunByThemselves(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"tenants":       "The attack failed.",
		"rotation":      "refused: no-match",
		"custom-answer": `{"error":"bad request"}`,
		"development":   "body-newline (proven)",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if code, stdout, stderr := outcome(t, name, nil); code != 0 || !strings.Contains(stdout, want) {
				t.Errorf("exit %d, want 0 and %q\n%s%s", code, want, stdout, stderr)
			}
		})
	}
}

func TestQuickstartExits(t *testing.T) {
	t.Parallel()
	if code, stdout, stderr := outcome(t, "quickstart", nil); code != 0 || !strings.Contains(stdout, "112 of 112 as expected") {
		t.Errorf("exit %d\n%s%s", code, stdout, stderr)
	}
	for _, flag := range []string{"-h", "--help"} {
		if code, _, stderr := outcome(t, "quickstart", nil, flag); code != 0 || !strings.Contains(stderr, "usage:") {
			t.Errorf("%s: exit %d\n%s", flag, code, stderr)
		}
	}
	if code, _, _ := outcome(t, "quickstart", nil, "extra"); code != 2 {
		t.Errorf("an argument: exit %d", code)
	}
}
