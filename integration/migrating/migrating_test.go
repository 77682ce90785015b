package migrating //nolint:testpackage // the calls are not exported: they are there for the page

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v85"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/schemes"
)

const page = "../../docs/migrating.md"

// pair is a library, and hookonce as its replacement.
type pair struct {
	name   string
	scheme core.Scheme
	before func(secret string, handle http.Handler) http.Handler
	after  func(store core.SeenStore, handle http.Handler, secrets ...string) http.Handler
	body   string // % is where padding goes
}

func pairs() []pair {
	const plain, ping = `{"type":"order.paid","x":"%"}`, `{"zen":"%","hook_id":1}`
	return []pair{
		{"svix", core.StandardWebhooks{}, svixBefore, svixAfter, plain},
		{"standard-webhooks", core.StandardWebhooks{}, standardBefore, standardAfter, plain},
		{"stripe-go", schemes.Stripe(), stripeBefore, stripeAfter, `{"id":"evt_1","object":"event","api_version":"` + stripe.APIVersion + `","x":"%"}`},
		{"go-github", schemes.GitHub(), githubBefore, githubAfter, ping},
		{"slack-go", schemes.Slack(), slackBefore, slackAfter, `{"type":"event_callback","event_id":"Ev1","event":{"x":"%"}}`},
		{"webhooks/v6", schemes.GitHub(), playgroundBefore, playgroundAfter, ping},
	}
}

// attempt is the request that is sent, the second one if first is set.
type attempt struct {
	first, again bool // first: after a genuine one; again: the same bytes
	age          time.Duration
	pad          int
	forged, old  bool // old: signed with the second secret
}

func attempts() map[string]attempt {
	return map[string]attempt{
		"genuine":                            {},
		"the same bytes again":               {first: true, again: true},
		"a retry, signed again":              {first: true, age: -2 * time.Second},
		"another body under the signature":   {forged: true},
		"signed an hour ago":                 {age: time.Hour},
		"signed an hour ahead":               {age: -time.Hour},
		"a body of 2 MiB":                    {pad: 2 << 20},
		"signed with the old of two secrets": {old: true},
	}
}

// TestMigratingTableIsWhatBothDo sends the same requests to both sides of each pair, and compares
// the outcomes with the table of the page.
func TestMigratingTableIsWhatBothDo(t *testing.T) {
	t.Parallel()
	text := read(t)
	_, table, _ := strings.Cut(text, "| request |")
	head, table, _ := strings.Cut(table, "\n")
	columns := strings.Split(strings.Trim(head, "| "), " | ")
	seen := 0
	for _, row := range regexp.MustCompile(`(?m)^\| ([^|]+) \| (.*) \|$`).FindAllStringSubmatch(table, -1) {
		a, known := attempts()[row[1]]
		if !known {
			continue
		}
		seen++
		cells := strings.Split(row[2], " | ")
		for i, p := range pairs() {
			if i >= len(cells) || i >= len(columns) || columns[i] != p.name {
				t.Fatalf("the columns are %q", columns)
			}
			if got := p.outcome(t, a); got != cells[i] {
				t.Errorf("%s, %s: the page says %q, they do %q", row[1], p.name, cells[i], got)
			}
		}
	}
	if seen != len(attempts()) {
		t.Errorf("%d rows, want %d", seen, len(attempts()))
	}
}

// outcome returns what the library and hookonce do.
func (p *pair) outcome(t *testing.T, a attempt) string {
	t.Helper()
	secret, old := core.GenerateSecret(), core.GenerateSecret()
	first := p.request(t, attempt{}, secret)
	second := p.request(t, a, secret)
	if a.old {
		second = p.request(t, a, old)
	}
	if a.again {
		second = first
	}
	var said []string
	for _, side := range []func(http.Handler) http.Handler{
		func(next http.Handler) http.Handler { return p.before(secret, next) },
		func(next http.Handler) http.Handler { return p.after(new(shared), next, secret, old) },
	} {
		runs := 0
		h := side(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { runs++ }))
		send := func(r *core.Request) *httptest.ResponseRecorder {
			req := httptest.NewRequestWithContext(t.Context(), r.Method, r.URL, bytes.NewReader(r.Body))
			req.Header = r.Header.(http.Header).Clone() //nolint:errcheck // it was made below
			w := httptest.NewRecorder()
			h.ServeHTTP(w, req)
			return w
		}
		if a.first {
			if w := send(first); runs != 1 {
				t.Fatalf("%s: the first attempt got %d", p.name, w.Code)
			}
			runs = 0
		}
		w := send(second)
		switch {
		case runs == 1:
			said = append(said, "runs")
		case w.Code == http.StatusOK:
			said = append(said, "acknowledged")
		default:
			said = append(said, strconv.Itoa(w.Code))
		}
	}
	return strings.Join(said, " / ")
}

func (p *pair) request(t *testing.T, a attempt, secret string) *core.Request {
	t.Helper()
	r := &core.Request{Method: http.MethodPost, URL: "/hook", Body: []byte(strings.Replace(p.body, "%", strings.Repeat("x", a.pad), 1))}
	h := http.Header{"Content-Type": {"application/json"}, "X-Github-Event": {"ping"}}
	r.Header = h
	if err := schemes.Sign(p.scheme, r, "00000000-0000-4000-8000-000000000001", time.Now().Add(-a.age), secret); err != nil {
		t.Fatal(p.name, err)
	}
	if a.forged {
		r.Body = bytes.Replace(r.Body, []byte(`"}`), []byte(`y"}`), 1)
		r.Body = bytes.Replace(r.Body, []byte(`"zen":"`), []byte(`"zen":"y`), 1)
	}
	return r
}

// TestMigratingBlocksAreTheCallsThatRan: the page shows code of this package, and omits none of it.
func TestMigratingBlocksAreTheCallsThatRan(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("calls.go")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?ms)^```go\n(.*?)^```$").FindAllStringSubmatch(read(t), -1)
	if len(blocks) != 2*len(pairs()) {
		t.Errorf("%d blocks, want %d", len(blocks), 2*len(pairs()))
	}
	for _, b := range blocks {
		if !strings.Contains(string(source), "\n"+b[1]) {
			t.Errorf("this block is not in calls.go:\n%s", b[1])
		}
	}
}

func read(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// shared is a store that survives the process, as far as a test can tell.
type shared struct {
	mu  sync.Mutex
	has map[core.Key]core.Value
}

// Swap implements core.SeenStore.
func (s *shared) Swap(_ context.Context, key core.Key, old, next core.Value, _ time.Duration) (core.Value, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.has == nil {
		s.has = make(map[core.Key]core.Value)
	}
	if s.has[key] == old {
		s.has[key] = next
	}
	return s.has[key], nil
}
