package sdks_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/hookonce/hookonce/internal/npmtest"
)

// judge is a sender's own library.
type judge struct {
	name    string // the sender's, with ".go" behind where the library is one of Go
	sender  string
	version string // package@version
	verify  func(r request) (accepts bool, why string)
	sign    func(r request) (signed request, ok bool) // nil: it only verifies; not ok: it does not sign such a body
}

// node is a running judge.mjs.
type node struct {
	mu  sync.Mutex
	in  io.Writer
	out *bufio.Scanner
}

// startNode installs the packages and starts judge.mjs.
func startNode(t testing.TB) *node {
	t.Helper()
	dir := os.Getenv("HOOKONCE_SDKS_FOLDER") // where `npm ci` has run already
	if dir == "" {
		dir = t.TempDir()
		npmtest.Install(t, dir, ".")
	}
	for _, name := range []string{"judge.mjs", "rfc9421.mjs"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("node", "judge.mjs")
	cmd.Dir, cmd.Stderr = dir, io.Discard
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // it ends when there are no more questions
		_ = in.Close()
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	return &node{in: in, out: lines}
}

// ask sends a question and reads the answer.
func (n *node) ask(t testing.TB, question, answer any) {
	t.Helper()
	text, err := json.Marshal(question)
	if err != nil {
		t.Fatal(err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, err := n.in.Write(append(text, '\n')); err != nil {
		t.Fatalf("judge.mjs has ended: %v", err)
	}
	if !n.out.Scan() {
		t.Fatalf("judge.mjs does not answer: %v", n.out.Err())
	}
	var failed struct{ Error string }
	if err := json.Unmarshal(n.out.Bytes(), &failed); err != nil || failed.Error != "" {
		t.Fatalf("judge.mjs: %s %v; asked: %.300s", failed.Error, err, text)
	}
	if err := json.Unmarshal(n.out.Bytes(), answer); err != nil {
		t.Fatal(err)
	}
}

// npmPackage is a package that judge.mjs knows.
type npmPackage struct {
	Package, Version string
	Signs            bool
}

func (n *node) list(t testing.TB) (all struct{ NPM, Messages map[string]npmPackage }) {
	t.Helper()
	n.ask(t, map[string]string{"op": "list"}, &all)
	return all
}

// question is a request and what is asked about it.
type question struct {
	Op string `json:"op"`
	request
}

// judges returns all judges from npm.
func (n *node) judges(t testing.TB) []judge {
	t.Helper()
	var all []judge
	for sender, l := range n.list(t).NPM {
		j := judge{name: sender, sender: sender, version: "npm " + l.Package + "@" + l.Version}
		j.verify = func(r request) (bool, string) {
			var verdict struct {
				Accepts, Broken bool
				Why             string
			}
			n.ask(t, question{"verify", r}, &verdict)
			if verdict.Broken {
				t.Errorf("%s cannot be asked: %s", j.version, verdict.Why)
			}
			return verdict.Accepts, verdict.Why
		}
		if l.Signs {
			j.sign = func(r request) (request, bool) {
				var signed struct {
					Headers map[string]string
					URL     string
					Body    []byte
				}
				n.ask(t, question{"sign", r}, &signed)
				if signed.Headers == nil {
					return r, false
				}
				r = r.clone()
				for name, value := range signed.Headers {
					r.Headers[http.CanonicalHeaderKey(name)] = value
				}
				r.URL, r.Body = signed.URL, signed.Body
				return r, true
			}
		}
		all = append(all, j)
	}
	return all
}
