package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/hookonce/hookonce/core"
)

// inspector is the address that a hookonce listen --inspect --json prints first.
func (l *receiving) inspector(t *testing.T) string {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var first struct{ Inspector string }
	if err := json.Unmarshal([]byte(l.lines[0]), &first); err != nil || !strings.HasPrefix(first.Inspector, "http://127.0.0.1:") {
		t.Fatalf("%q: %v", l.lines[0], err)
	}
	return first.Inspector
}

func got(t *testing.T, method, url string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Hookonce-Inspect", "1")
	resp, err := http.DefaultClient.Do(r)
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

func TestEveryDeliveryIsInspectedWholeInEveryFramework(t *testing.T) {
	t.Parallel()
	for _, framework := range frameworks() {
		t.Run(framework, func(t *testing.T) {
			t.Parallel()
			secret, stranger := file(t, core.GenerateSecret()), file(t, core.GenerateSecret())
			l := startListening(t, "--framework", framework, "--secret-file", secret, "--inspect", "--json", "--other", "staging="+stranger)
			for _, key := range []string{secret, stranger} {
				hookonce(t, "", nil, "send", "--to", l.url+"?a=1", "--id", "msg_1", "--secret-file", key, "--data", `{"type":"order.paid"}`)
			}
			for number, want := range map[string][]string{
				"1": {`"status":200`, `"reason":"handled"`, `"type":"order.paid"`, `"id":"msg_1"`, `"target":"/hook?a=1"`, `"name":"Webhook-Id","value":"msg_1","mark":"read"`},
				"2": {`"status":401`, `"reason":"no-match"`, `"mistake":"other-key"`, `"proven":true`},
			} {
				status, text := got(t, http.MethodGet, l.inspector(t)+"api/deliveries/"+number)
				for _, part := range want {
					if status != http.StatusOK || !strings.Contains(text, part) {
						t.Errorf("%s: %d, no %s in %s", number, status, part, text)
					}
				}
			}
			// The resent request is identical, including the host: otherwise it would be refused as
			// another endpoint's.
			if status, text := got(t, http.MethodPost, l.inspector(t)+"api/deliveries/1/actions/0"); status != http.StatusOK || !strings.Contains(text, "sent again: 409") {
				t.Errorf("%d %s", status, text)
			}
			if status, text := got(t, http.MethodPost, l.inspector(t)+"api/deliveries/1/actions/1"); status != http.StatusNotFound {
				t.Errorf("without --forward-to: %d %s", status, text)
			}
		})
	}
}

func TestTheInspectorSaysWhereItIsAndKeepsToLoopback(t *testing.T) {
	t.Parallel()
	secret := file(t, core.GenerateSecret())
	for _, addr := range []string{"0.0.0.0:0", ":8080", "192.0.2.1:80"} {
		said := hookonce(t, "", nil, "listen", "--secret-file", secret, "--addr", "127.0.0.1:0", "--inspect-addr", addr, "--dangerously-beyond-loopback")
		if said.code != 2 || !strings.Contains(said.errs, "--inspect-addr: the inspector is for loopback only") {
			t.Errorf("%q: %+v", addr, said)
		}
	}
	l := startListening(t, "--secret-file", secret, "--inspect-addr", "localhost:0")
	l.stop()
	if lines := l.ended(t); len(lines) != 2 || !strings.HasPrefix(lines[1], "inspector: http://") {
		t.Errorf("%q", lines)
	}
	l = startListening(t, "--secret-file", secret)
	l.stop()
	if lines := l.ended(t); len(lines) != 1 {
		t.Errorf("it inspects unasked: %q", lines)
	}
}
