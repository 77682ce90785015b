// Package integration_test runs hookonce on the servers and client libraries
// with which it is used.
package integration_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/nethttp"
	"github.com/hookonce/hookonce/whtest"
)

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// mustRefuse sends a genuine message to a server on a store that does not work. The sender must be
// told to retry, the handler must not run, and the observer must get the reason and the remedy.
func mustRefuse(t *testing.T, store core.SeenStore, reason core.Reason, remedy string) {
	t.Helper()
	var heard core.Event
	v, err := core.New(core.Secrets(secret), store, &core.Config{StoreTimeout: 10 * time.Second, Observe: remember(&heard)})
	if err != nil {
		t.Fatal(err)
	}
	ran := false
	server := nethttp.New(v)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { ran = true }))
	signer, err := core.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	answer := httptest.NewRecorder()
	server.ServeHTTP(answer, whtest.NewRequest(t, signer, "/hook", []byte(`{}`)))
	if answer.Code != http.StatusServiceUnavailable || answer.Header().Get("Retry-After") == "" || ran {
		t.Errorf("answered %d, Retry-After %q, handler ran: %v", answer.Code, answer.Header().Get("Retry-After"), ran)
	}
	if heard.Err == nil || !errors.Is(heard.Err, reason) || !strings.Contains(heard.Err.Error(), remedy) {
		t.Errorf("observed %v, want %s with %q", heard.Err, reason, remedy)
	}
}

func remember(into *core.Event) func(context.Context, core.Event) {
	return func(_ context.Context, e core.Event) { *into = e }
}

// mustSay expects an error that names the remedy.
func mustSay(t *testing.T, err error, remedy string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), remedy) {
		t.Errorf("error %v, want one that says %q", err, remedy)
	}
}
