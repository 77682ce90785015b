package docs_test

import (
	"context"
	"fmt"
	"go/parser"
	"go/token"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/birth"
	"github.com/hookonce/hookonce/schemes"
	"github.com/hookonce/hookonce/whtest"
)

// TestOperatingTimesAreThoseOfTheCode compares the table of times with constants, with defaults,
// and with what verifiers do.
func TestOperatingTimesAreThoseOfTheCode(t *testing.T) {
	t.Parallel()
	second := func(text string) time.Duration {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Errorf("%q is not a number of seconds", text)
		}
		return time.Duration(n) * time.Second
	}
	lease := written(t, "config.go", `"Lease", &cfg\.Lease, `)
	code := map[string]time.Duration{
		"a message of a dead process gets 503 for at most":                  free(t),
		"a claim is renewed every":                                          written(t, "lease.go", `renewAfter\s+= `),
		"a handler's context ends after":                                    handlerTime(t),
		"another attempt may take a message over after":                     lease,
		"a request waits for the store for at most":                         written(t, "config.go", `"StoreTimeout", &cfg\.StoreTimeout, `),
		"a request waits for the key source for at most":                    written(t, "config.go", `"KeyTimeout", &cfg\.KeyTimeout, `),
		"a refused sender is asked to wait for":                             second((&core.Error{Reason: core.ErrStoreUnavailable}).Answer().Header["Retry-After"][0]),
		"a handler is cancelled if its claim cannot be renewed for":         written(t, "lease.go", `shortLease\s+= `) - written(t, "lease.go", `stopBefore\s+= `),
		"an emptied store also refuses messages signed after the loss, for": birth.Margin,
		"after a restored backup, stay offline for": written(t, "config.go", `"Past", &cfg\.Past, cmp\.Or\(facts\.Past, `) +
			written(t, "config.go", `"Future", &cfg\.Future, cmp\.Or\(facts\.Future, `),
		"a handled message is recognized for": written(t, "config.go", `"Remember", &cfg\.Remember, `),
	}
	_, table, _ := strings.Cut(operating(t), "| what | time |")
	rows := regexp.MustCompile(`(?m)^\| ([^|]+) \| (\d[\dhms]*) \|$`).FindAllStringSubmatch(table, -1)
	if len(rows) != len(code) {
		t.Errorf("%d times on the page, want %d", len(rows), len(code))
	}
	for _, row := range rows {
		want, known := code[row[1]]
		if got, err := time.ParseDuration(row[2]); err != nil || !known || got != want {
			t.Errorf("%s: the page says %s, the code %v", row[1], row[2], want)
		}
	}
	// The text repeats times of the table: these, in this order, and no others.
	dead, outage, offline := code["a message of a dead process gets 503 for at most"],
		code["an emptied store also refuses messages signed after the loss, for"], code["after a restored backup, stay offline for"]
	for section, want := range map[string][]time.Duration{
		"A crash": {dead},
		"A store outage": {
			code["a request waits for the store for at most"], code["a handler is cancelled if its claim cannot be renewed for"], lease,
		},
		"A failover":        {offline},
		"A lost store":      {outage, offline},
		"A slow handler":    {code["a handler's context ends after"], lease},
		"A key rotation":    nil,
		"Release a message": nil,
	} {
		_, text, found := strings.Cut(operating(t), "\n## "+section+"\n")
		text, _, _ = strings.Cut(text, "\n## ")
		if got := stated(text); !found || !slices.Equal(got, want) {
			t.Errorf("%s: the text says %v, the code %v", section, got, want)
		}
	}
	if n := strings.Count(operating(t), "\n## "); n != 9 {
		t.Errorf("the page has %d sections, and this test knows 9", n)
	}
}

// stated returns the times in a text. The word "the minute" or "a minute" is one.
func stated(text string) (all []time.Duration) {
	units := map[string]time.Duration{"second": time.Second, "minute": time.Minute, "hour": time.Hour}
	for _, m := range regexp.MustCompile(`\b(\d+|a|the)\s(second|minute|hour)s?\b`).FindAllStringSubmatch(text, -1) {
		n, err := strconv.Atoi(m[1])
		if err != nil {
			n = 1
		}
		all = append(all, time.Duration(n)*units[m[2]])
	}
	return all
}

// TestTheReadmeStatesTheDefaults compares what the README says of bounds with the code.
func TestTheReadmeStatesTheDefaults(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	words := map[int]string{3: "three", 5: "five"}
	number := func(after string) int {
		source, err := os.ReadFile(filepath.Join(root, "core", "config.go"))
		if err != nil {
			t.Fatal(err)
		}
		m := regexp.MustCompile(after + `(\d+)`).FindSubmatch(source)
		if m == nil {
			t.Fatalf("config.go has no number after %s", after)
		}
		n, _ := strconv.Atoi(string(m[1]))
		return n
	}
	said := strings.Join(strings.Fields(string(text)), " ")
	for _, want := range []string{
		fmt.Sprintf("within the tolerance (%s minutes for most senders)", words[int(written(t, "config.go", `"Past", &cfg\.Past, cmp\.Or\(facts\.Past, `).Minutes())]),
		fmt.Sprintf("503 for up to %.0f seconds", free(t).Seconds()),
		words[number(`cfg\.Reruns == 0:\s+cfg\.Reruns = `)] + " more times (`Config.Reruns`)",
		fmt.Sprintf("%d more times within %.0f hours (`Config.Repeats`)", number(`cfg\.Repeats == 0:\s+cfg\.Repeats = `), written(t, "config.go", `"Remember", &cfg\.Remember, `).Hours()),
	} {
		if !strings.Contains(said, want) {
			t.Errorf("the README does not say %q", want)
		}
	}
}

// TestOperatingNamesEveryReason compares the first table with the closed set of reasons, and its
// statuses with the code.
func TestOperatingNamesEveryReason(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile(filepath.Join(root, "core", "reason.go"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(operating(t), "| reason | the message |")
	table, _, _ = strings.Cut(table, "\n\n")
	for _, m := range regexp.MustCompile(`Reason = "([a-z-]+)"`).FindAllStringSubmatch(string(source), -1) {
		row := regexp.MustCompile("(?m)^\\|[^|]*`" + m[1] + "`[^|]*\\|.*$").FindString(table)
		if row == "" {
			t.Errorf("the page does not name %s", m[1])
			continue
		}
		cells := strings.Split(row, "|")
		if status := regexp.MustCompile(`\d{3}`).FindString(cells[3]); status != "" {
			answer := strconv.Itoa((&core.Error{Reason: core.Reason(m[1])}).Answer().Status)
			if !strings.Contains(cells[3], answer) {
				t.Errorf("%s: the page says %s, the code %s", m[1], cells[3], answer)
			}
		}
	}
}

// TestExactlyOnceIsMentionedWithCommitOnly: no store provides exactly-once by itself.
func TestExactlyOnceIsMentionedWithCommitOnly(t *testing.T) {
	t.Parallel()
	said := 0
	var pages []string
	for _, pattern := range []string{"*.md", "*/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, found...)
	}
	if len(pages) < 25 {
		t.Errorf("only %d pages found", len(pages))
	}
	for _, name := range pages {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for paragraph := range strings.SplitSeq(string(text), "\n\n") {
			for _, part := range regexp.MustCompile(`(?m)^\|.*$`).FindAllString(paragraph, -1) { // each row by itself
				paragraph = strings.Replace(paragraph, part, "", 1)
				said += exactly(t, name, part)
			}
			for entry := range strings.SplitSeq(paragraph, "\n- ") { // each entry of a list by itself
				said += exactly(t, name, entry)
			}
		}
	}
	// Elsewhere in the code it is a header that must occur exactly once.
	goFiles(t, func(path string, source []byte) {
		dir, err := filepath.Rel(root, path)
		if err != nil || !regexp.MustCompile(`^(adapter|examples|stores|core/commit|[a-z0-9]*wh|nethttp)/?`).MatchString(dir) || strings.HasSuffix(path, "_test.go") {
			return
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, source, parser.ParseComments)
		if err != nil {
			t.Error(err)
			return
		}
		for _, comment := range file.Comments {
			said += exactly(t, dir, comment.Text())
		}
	})
	if said < 10 {
		t.Errorf("it is mentioned %d times: has the format of the documents changed?", said)
	}
}

func exactly(t *testing.T, name, text string) int {
	t.Helper()
	if strings.HasPrefix(text, "#") || !regexp.MustCompile(`(?i)exactly\s+once`).MatchString(text) {
		return 0
	}
	if !regexp.MustCompile(`\bCommit\b`).MatchString(text) {
		t.Errorf("%s says exactly once without core.Commit: %s", name, text)
	}
	return 1
}

func operating(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs", "operating.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// written returns the duration that follows some text in a file of core.
func written(t *testing.T, file, after string) time.Duration {
	t.Helper()
	source, err := os.ReadFile(filepath.Join(root, "core", file))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(after + `(?:(\d+) ?\* ?)?time\.(Second|Minute|Hour)`).FindSubmatch(source)
	if m == nil {
		t.Fatalf("%s has no time after %s", file, after)
	}
	n := 1
	if len(m[1]) > 0 {
		n, _ = strconv.Atoi(string(m[1]))
	}
	return time.Duration(n) * map[string]time.Duration{"Second": time.Second, "Minute": time.Minute, "Hour": time.Hour}[string(m[2])]
}

// handlerTime returns how long a handler may run.
func handlerTime(t *testing.T) time.Duration {
	t.Helper()
	secret := core.GenerateSecret()
	clock := whtest.NewClock(time.Now())
	d := attempt(t, secret, new(sharedMap), clock)
	deadline, _ := d.Context().Deadline()
	d.Settle(http.StatusOK)
	return time.Until(deadline).Round(time.Second)
}

// free returns how long a message stays in flight after its process died.
func free(t *testing.T) time.Duration {
	t.Helper()
	secret := core.GenerateSecret()
	for after := time.Duration(0); after < time.Minute; after += time.Second {
		store, clock := new(sharedMap), whtest.NewClock(time.Now())
		dead := attempt(t, secret, store, clock) // it never settles
		if dead.Answer() != nil {
			t.Fatal(dead.Err())
		}
		clock.Advance(after)
		next := attempt(t, secret, store, clock)
		if next.Answer() == nil {
			next.Settle(http.StatusOK)
			return after
		}
		if next.Err().Reason != core.ErrInFlight {
			t.Fatal(next.Err())
		}
	}
	t.Fatal("the message stays in flight")
	return 0
}

// attempt returns an attempt of the same message at a process of its own.
func attempt(t *testing.T, secret string, store core.SeenStore, clock *whtest.Clock) *core.Delivery {
	t.Helper()
	v, err := core.New(core.Secrets(secret), store, &core.Config{Clock: clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	body := []byte("{}")
	r := core.Request{Method: http.MethodPost, URL: "/", Header: make(http.Header), Body: body}
	if err := schemes.Sign(core.StandardWebhooks{}, &r, "msg_1", clock.Now(), secret); err != nil {
		t.Fatal(err)
	}
	return v.Admit(t.Context(), &r, bodyOf(body))
}

type bodyOf []byte

func (b bodyOf) ReadBody(int64, time.Duration) ([]byte, error) { return b, nil }

// sharedMap is a store that several processes share.
type sharedMap struct {
	mu  sync.Mutex
	has map[core.Key]core.Value
}

func (s *sharedMap) Swap(_ context.Context, key core.Key, old, next core.Value, _ time.Duration) (core.Value, error) {
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
