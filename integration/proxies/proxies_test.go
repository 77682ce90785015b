package proxies_test

import (
	"bytes"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/explain"
	"github.com/hookonce/hookonce/integration/services"
)

var update = flag.Bool("update", false, "write the tables of docs/proxies.md")

const page = "../../docs/proxies.md"

// outcome is what became of one request.
type outcome struct {
	sender, shape string
	status        int // that the sender was told
	arrived       *arrival
	changed       []string // what is not as it was sent
}

func (o *outcome) handled() bool { return o.arrived != nil && o.arrived.handled }

// refused says that the receiver saw the request and refused it.
func (o *outcome) refused() bool { return o.arrived != nil && !o.arrived.handled }

// modules installs the proxies of Node.js, once.
func modules(t *testing.T) string {
	t.Helper()
	dir, err := installed()
	if err != nil {
		if os.Getenv(services.Required) == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return dir
}

var installed = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "hookonce-proxies")
	if err != nil {
		return "", err
	}
	cleanUp = append(cleanUp, dir)
	for _, name := range []string{"package.json", "package-lock.json", "proxy.mjs"} {
		text, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return "", err
		}
	}
	cmd := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	return dir, nil
})

var cleanUp []string

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	for _, dir := range cleanUp {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

func TestWhatProxiesDoToSignedRequests(t *testing.T) {
	all := senders()
	origin, whole := startReceiver(t, all, public), make(map[string]*receiver)
	var rows []row
	n := 0
	for _, in := range intermediaries() {
		t.Run(in.name+" "+in.setting, func(t *testing.T) {
			var outcomes, cured []outcome
			for _, framework := range []string{"net/http", "fiber"} {
				outcomes = append(outcomes, in.run(t, all, shapes(), origin, framework, &n)...)
			}
			if in.cure == wholeURL {
				for _, s := range shapes() { // each address has a receiver of its own, as an endpoint has
					if whole[s.target] == nil {
						whole[s.target] = startReceiver(t, all, public+s.target)
					}
					cured = append(cured, in.run(t, all, []shape{s}, whole[s.target], "net/http", &n)...)
				}
			}
			rows = append(rows, row{intermediary: in, outcomes: outcomes, cured: cured})
		})
	}
	write(t, rows)
}

// run sends every shape of every sender through the intermediary.
func (in *intermediary) run(t *testing.T, all []sender, shapes []shape, to *receiver, framework string, n *int) []outcome {
	t.Helper()
	addr := in.start(t, to.addrs[framework])
	var outcomes []outcome
	for _, sh := range shapes {
		for i := range all {
			s := &all[i]
			*n++
			r := &core.Request{Method: http.MethodPost, URL: sh.target, Header: make(http.Header)}
			r.Body = bytes.Replace(sh.body, []byte("%d"), []byte(strconv.Itoa(*n)), 1)
			set(r, "Content-Type", sh.kind)
			for name, values := range sh.header {
				set(r, name, values[0])
			}
			s.sign(t, r, time.Now())
			set(r, caseHeader, strconv.Itoa(*n))
			set(r, senderHeader, s.name)
			began := time.Now()
			status, _ := send(t.Context(), addr, r, sh.chunked)
			if d := time.Since(began); d > time.Second {
				t.Logf("SLOW %s %s: %v %d", sh.name, s.name, d, status)
			}
			o := outcome{sender: s.name, shape: sh.name, status: status, arrived: to.take(*n)}
			if o.arrived != nil {
				o.changed = changes(r, o.arrived)
			}
			outcomes = append(outcomes, o)
		}
	}
	return outcomes
}

// changes says what arrived in another way than it was sent.
func changes(sent *core.Request, a *arrival) []string {
	var all []string
	add := func(cond bool, what string) {
		if cond {
			all = append(all, what)
		}
	}
	add(a.method != sent.Method, "method")
	path, query, _ := strings.Cut(sent.URL, "?")
	gotPath, gotQuery, _ := strings.Cut(a.target, "?")
	add(path != gotPath, "path")
	add(query != gotQuery || strings.Contains(sent.URL, "?") != strings.Contains(a.target, "?"), "query")
	whole := a.body == nil || bytes.Equal(a.body, sent.Body) // nil: refused before it was read
	add(!whole, "body")
	for name, values := range sent.Header.(http.Header) {
		got := a.header.Values(name)
		switch {
		case len(got) == 0 && name != "Expect":
			all = append(all, name+" lost")
		case name != "Expect" && !slices.Equal(got, values):
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

// right are the words with which explain names a change truly.
func right(changed []string) []explain.Mistake {
	var words []explain.Mistake
	for _, c := range changed {
		switch {
		case c == "path", c == "query":
			words = append(words, "url")
		case c == "method":
			words = append(words, "method")
		case c == "body":
			words = append(words, "body-reformatted", "body-key-order", "body-escapes", "body-numbers", "body-form", "body-wrapped",
				"body-decompressed", "body-truncated", "body-consumed")
		case strings.HasSuffix(c, " lost"):
			words = append(words, "header-missing")
		}
	}
	return words
}
