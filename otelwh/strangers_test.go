package otelwh_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/nethttp"
	"github.com/hookonce/hookonce/otelwh"
	"github.com/hookonce/hookonce/stores/memstore"
)

// TestStrangersMakeNoSeries: no more than a bound. It sends random requests, none signed with our
// keys, through the real core. The key source is faulty: it takes the source from the request.
func TestStrangersMakeNoSeries(t *testing.T) {
	t.Parallel()
	const sources = 5
	m := newTelemetry(t, otelwh.Config{Sources: sources})
	keys := core.Secrets(core.GenerateSecret())
	v := core.Must(core.New(core.KeySourceFunc(func(_ context.Context, r *core.Request) (string, *core.Keys, error) {
		if len(r.Header.Values("X-Known")) == 0 {
			return "", nil, core.ErrUnknownSource
		}
		return r.Path(), keys, nil
	}), memstore.New(), &core.Config{Observe: m.observe, MaxBody: 500}))
	h := nethttp.New(v)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a stranger was let in") }))

	stranger, err := core.NewSigner(core.GenerateSecret())
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	answers := map[int]int{}
	var first int
	const requests = 10_000
	for i := range requests {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, randomRequest(t, random, stranger))
		answers[w.Code]++
		if i == requests/2 {
			first = len(m.series(t))
		}
	}
	all := m.series(t)
	attempts := only(all, "hookonce.attempts")
	if len(all)-len(attempts) > 10 {
		t.Errorf("%d series of histograms and keys: %v", len(all)-len(attempts), all)
	}
	if len(all) > first+first/10 {
		t.Errorf("%d series after half of the requests, %d after all: they grow", first, len(all))
	}
	named := map[string]bool{}
	var counted int64
	for series, n := range attempts {
		parts := bounded.FindStringSubmatch(series)
		if parts == nil {
			t.Errorf("from the request: %s", series)
			continue
		}
		counted += n
		named[parts[1]] = true
	}
	if len(named) > 1+sources+1 { // none, those that are known apart, and all others
		t.Errorf("%d sources: %v", len(named), named)
	}
	if counted != requests {
		t.Errorf("%d attempts counted, want %d", counted, requests)
	}
	for _, status := range []int{400, 401, 413} {
		if answers[status] < 50 {
			t.Errorf("%d times %d: the requests are not varied", answers[status], status)
		}
	}
	t.Logf("%d requests, answered %v: %d series, of those %d of attempts", requests, answers, len(all), len(attempts))
}

// bounded lists each series of attempts that an unauthenticated client can cause.
var bounded = regexp.MustCompile(`^hookonce\.attempts\{` +
	`hookonce\.reason=(?:malformed|missing-header|outside-window|unknown-source|no-match|body-too-large),` +
	`hookonce\.scheme=standard,(?:hookonce\.source=(\S+?),)?` +
	`http\.request\.method=(?:GET|HEAD|POST|PUT|PATCH|DELETE|CONNECT|OPTIONS|TRACE|_OTHER),` +
	`http\.response\.status_code=(?:400|401|413)\}$`)

// randomRequest returns a request of an unauthenticated client: often nearly valid, never signed
// with our key.
func randomRequest(t *testing.T, random *rand.Rand, stranger *core.Signer) *http.Request {
	t.Helper()
	word := func(most int) string {
		b := make([]byte, random.IntN(most))
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		return string(b)
	}
	methods := []string{
		"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE", "post", "QUERY", fmt.Sprint("M", random.IntN(1e6)),
	}
	body := []byte(word(700))
	r := httptest.NewRequest(http.MethodPost, fmt.Sprintf("/%x?%x", word(20), word(20)), strings.NewReader(string(body)))
	r.Method = methods[random.IntN(len(methods))]
	at := time.Now()
	if random.IntN(5) == 0 {
		at = at.Add(time.Duration(random.IntN(1e6)-5e5) * time.Second)
	}
	if err := stranger.Sign(r.Header, core.NewID(), at, body); err != nil {
		t.Fatal(err)
	}
	if random.IntN(2) == 0 {
		r.Header.Set("X-Known", "yes")
	}
	for _, name := range []string{"Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"} {
		switch random.IntN(12) {
		case 0:
			r.Header.Del(name)
		case 1:
			r.Header.Set(name, word(300))
		}
	}
	return r
}
