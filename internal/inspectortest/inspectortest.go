// Package inspectortest tests for every framework what [explain.Inspector]
// shows of a running application. Adapters that have their own go.mod use it
// too.
package inspectortest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/explain"
	"github.com/hookonce/hookonce/schemes"
	"github.com/hookonce/hookonce/stores/memstore"
)

const secret = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" //nolint:gosec // only for these tests

// Serve starts an application in one framework, until the end of the test. It
// has v upstream of POST /hook, whose handler reads the body and responds 200.
// It returns the address, without a path.
type Serve func(t *testing.T, v *core.Verifier) (address string)

// Run sends a message that a proxy changed and an unchanged message, and reads
// both results from the page.
func Run(t *testing.T, serve Serve) {
	t.Helper()
	i := start(t)
	log := new(bytes.Buffer)
	v, err := core.New(core.Secrets("whsec_"+secret), memstore.New(), &core.Config{
		DangerouslyShowRefused: i.Hook(slog.New(slog.NewTextHandler(log, nil))), Observe: i.Observe,
	})
	if err != nil {
		t.Fatal(err)
	}
	address := serve(t, v) + "/hook?token=" + secret
	const signed, changed = `{"a":1}`, `{ "a": 1 }`
	if status := send(t, address, signed, changed); status != http.StatusUnauthorized {
		t.Errorf("the changed one was answered %d", status)
	}
	if status := send(t, address, signed, signed); status != http.StatusOK {
		t.Errorf("the other was answered %d", status)
	}
	refused, text := read(t, i, "1")
	if refused.Status != http.StatusUnauthorized || refused.Reason != "no-match" || !refused.Whole || !refused.Proven || string(refused.Body.Shown) != changed ||
		refused.Found == nil || refused.Found.Findings[0].Mistake != "body-reformatted" || len(refused.Differences) != 1 || refused.Differences[0].Part != "body" {
		t.Errorf("the refused one: %s", text)
	}
	if !strings.Contains(text, "Webhook-Signature") || !strings.Contains(text, "/hook?token=") {
		t.Errorf("headers and address of the refused one: %s", text)
	}
	if strings.Contains(text, secret) {
		t.Errorf("the secret is shown: %s", text)
	}
	if handled, text := read(t, i, "2"); handled.Status != http.StatusOK || handled.Reason != "handled" || handled.Whole {
		t.Errorf("the handled one: %s", text)
	}
	if !strings.Contains(log.String(), "body-reformatted (proven)") || strings.Count(log.String(), "\n") != 1 {
		t.Errorf("the log: %s", log)
	}
}

// start serves an inspector until the end of the test.
func start(t *testing.T) *explain.Inspector {
	t.Helper()
	i, err := explain.DangerouslyNewInspector("127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- i.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return i
}

// send signs one body and sends another.
func send(t *testing.T, address, signed, sent string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(sent))
	if err != nil {
		t.Fatal(err)
	}
	message := &core.Request{Method: http.MethodPost, URL: "/hook", Header: r.Header, Body: []byte(signed)}
	if err := schemes.Sign(core.StandardWebhooks{}, message, "", time.Now(), "whsec_"+secret); err != nil { //nolint:forbidigo // a real application uses the wall clock
		t.Fatal(err)
	}
	return do(t, r, io.Discard)
}

// inspected holds what the page has of one delivery.
type inspected struct {
	Status int    `json:"status"`
	Reason string `json:"reason"`
	Whole  bool   `json:"whole"`
	Proven bool   `json:"proven"`
	Body   struct {
		Shown []byte `json:"shown"`
	} `json:"body"`
	Found *struct {
		Findings []explain.Finding `json:"findings"`
	} `json:"found"`
	Differences []struct {
		Part string `json:"part"`
	} `json:"differences"`
}

func read(t *testing.T, i *explain.Inspector, number string) (d inspected, text string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, i.URL()+"api/deliveries/"+number, nil)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	for began := time.Now(); do(t, r, &b) != http.StatusOK; time.Sleep(time.Millisecond) { //nolint:forbidigo // it may come after the response
		if time.Since(began) > 10*time.Second {
			t.Fatalf("the page: %s", &b)
		}
		b.Reset()
	}
	if err := json.Unmarshal(b.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	return d, b.String()
}

func do(t *testing.T, r *http.Request, body io.Writer) int {
	t.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(body, resp.Body); err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode
}
