// Package examples_test runs the examples as processes, as a reader does.
package examples_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/exampletest"
)

var programs exampletest.Programs

func TestMain(m *testing.M) { exampletest.Main(m, &programs, "./...") }

func TestServersShareAContract(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"nethttp", "gin", "echo", "fiber"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			programs.CheckServer(t, name)
		})
	}
}

func TestSenderRetriesWithOneIDAndANewStamp(t *testing.T) {
	t.Parallel()
	var attempts []http.Header // the sender waits for each response, so attempts arrive one by one
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if attempts = append(attempts, r.Header); len(attempts) < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer endpoint.Close()
	env := []string{"ADDR=" + endpoint.Listener.Addr().String(), "WEBHOOK_SECRET=" + core.GenerateSecret()}
	code, stdout, stderr := programs.Outcome(t, "sender", env)
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
	_, addr, _ := programs.Serve(t, "nethttp", "WEBHOOK_SECRET="+secret)
	code, stdout, stderr := programs.Outcome(t, "sender", []string{"ADDR=" + addr, "WEBHOOK_SECRET=" + secret}, "example.fail")
	if code != 1 || strings.Count(stdout, " 500 ") != 4 {
		t.Errorf("exit %d, want 1 after four attempts that each ran the handler\n%s%s", code, stdout, stderr)
	}
}

func TestSenderWithoutASecretExplainsItself(t *testing.T) {
	t.Parallel()
	if code, _, stderr := programs.Outcome(t, "sender", nil); code != 2 || !strings.Contains(stderr, "usage:") {
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
			if code, stdout, stderr := programs.Outcome(t, name, nil); code != 0 || !strings.Contains(stdout, want) {
				t.Errorf("exit %d, want 0 and %q\n%s%s", code, want, stdout, stderr)
			}
		})
	}
}

func TestQuickstartExits(t *testing.T) {
	t.Parallel()
	if code, stdout, stderr := programs.Outcome(t, "quickstart", nil); code != 0 || !strings.Contains(stdout, "112 of 112 as expected") {
		t.Errorf("exit %d\n%s%s", code, stdout, stderr)
	}
	for _, flag := range []string{"-h", "--help"} {
		if code, _, stderr := programs.Outcome(t, "quickstart", nil, flag); code != 0 || !strings.Contains(stderr, "usage:") {
			t.Errorf("%s: exit %d\n%s", flag, code, stderr)
		}
	}
	if code, _, _ := programs.Outcome(t, "quickstart", nil, "extra"); code != 2 {
		t.Errorf("an argument: exit %d", code)
	}
}
