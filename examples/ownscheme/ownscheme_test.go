package ownscheme_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/examples/ownscheme" //nolint:depguard // the test of this very package
	"github.com/hookonce/hookonce/nethttp"
	"github.com/hookonce/hookonce/schemes"
	"github.com/hookonce/hookonce/stores/memstore"
	"github.com/hookonce/hookonce/whtest"
)

const (
	secret   = "4Q7rVb2nXk9wTz0s"
	stranger = "Jm5uYc8dLe1hPo3a"
)

// signed is a request as courier's documentation says: written apart from the scheme.
func signed(at time.Time, body string) *core.Request {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%d.%s", at.Unix(), body)
	return &core.Request{Method: http.MethodPost, URL: "/hook", Body: []byte(body), Header: http.Header{
		"Courier-Time": {strconv.FormatInt(at.Unix(), 10)}, "Courier-Signature": {fmt.Sprintf("v1=%x", mac.Sum(nil))},
	}}
}

func TestSchemeKeepsTheContract(t *testing.T) {
	t.Parallel()
	whtest.TestScheme(t, whtest.Subject{
		Scheme: ownscheme.Scheme{}, Secret: secret, Stranger: stranger,
		Sign: func(id string, at time.Time, content []byte) *core.Request {
			if len(content) == 0 {
				content = []byte("null")
			}
			return signed(at, fmt.Sprintf(`{"id":%q,"data":%s}`, id, content))
		},
		Challenge: func(at time.Time) *core.Request { return signed(at, `{"type":"ping","nonce":"n1"}`) },
	})
}

// send delivers r and returns the response, and how many times the handler ran.
func send(t *testing.T, r *core.Request) (status int, body string, runs int) {
	t.Helper()
	v, err := core.New(core.Secrets(secret), memstore.New(), &core.Config{Scheme: ownscheme.Scheme{}})
	if err != nil {
		t.Fatal(err)
	}
	h := nethttp.New(v)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { runs++ }))
	request := httptest.NewRequestWithContext(t.Context(), r.Method, r.URL, strings.NewReader(string(r.Body)))
	request.Header = r.Header.Clone()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, request)
	return w.Code, w.Body.String(), runs
}

func TestPingIsAnsweredAndMessagesAreHandled(t *testing.T) {
	t.Parallel()
	now := time.Now()
	forged := signed(now, `{"type":"ping","nonce":"n1"}`)
	forged.Body = []byte(`{"type":"ping","nonce":"n2"}`)
	for name, c := range map[string]struct {
		r      *core.Request
		status int
		body   string // empty: any
		runs   int
	}{
		"a message":            {signed(now, `{"id":"evt_1"}`), http.StatusOK, "", 1},
		"a ping":               {signed(now, `{"type":"ping","nonce":"n1"}`), http.StatusOK, "n1", 0},
		"a ping nobody signed": {forged, http.StatusUnauthorized, "", 0},
		"neither":              {signed(now, `{"type":"paid"}`), http.StatusBadRequest, "", 0},
	} {
		status, body, runs := send(t, c.r)
		if status != c.status || c.body != "" && body != c.body || runs != c.runs {
			t.Errorf("%s: %d %q after %d runs", name, status, body, runs)
		}
	}
}

func TestWhatIsSignedHereIsAccepted(t *testing.T) {
	t.Parallel()
	r := &core.Request{Method: http.MethodPost, URL: "/hook", Body: []byte(`{"id":"evt_1"}`)}
	if err := schemes.Sign(ownscheme.Scheme{}, r, "evt_1", time.Now(), stranger, secret); err != nil {
		t.Fatal(err)
	}
	if status, _, runs := send(t, r); status != http.StatusOK || runs != 1 {
		t.Errorf("%d after %d runs", status, runs)
	}
	for _, id := range []string{"evt_2", " "} {
		if err := schemes.Sign(ownscheme.Scheme{}, r, id, time.Now(), secret); err == nil {
			t.Errorf("signed under the id %q, which the body has not", id)
		}
	}
}

// TestDocumentShowsTheScheme compares the file with the block in the document.
func TestDocumentShowsTheScheme(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("ownscheme.go")
	if err != nil {
		t.Fatal(err)
	}
	document, err := os.ReadFile("../../docs/writing-a-scheme.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(document), "```go\n"+string(source)+"```\n") {
		t.Error("docs/writing-a-scheme.md does not show examples/ownscheme/ownscheme.go as it is: copy it there")
	}
}
