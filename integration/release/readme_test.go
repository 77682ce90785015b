package release_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A new user pastes the README: its whole program, its commands, its lines for each framework and
// for explain. The tests change nothing but the port, which another program on this machine may
// use.

const pastedAddr = "127.0.0.1:8080"

// blocks returns the blocks of one language in a document, in order.
func blocks(t *testing.T, document, language string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(tree, document))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		all = append(all, m[1])
	}
	return all
}

// block returns the only block that contains this text.
func block(t *testing.T, document, language, with string) string {
	t.Helper()
	var found []string
	for _, b := range blocks(t, document, language) {
		if strings.Contains(b, with) {
			found = append(found, b)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%s has %d blocks of %s with %q, want 1", document, len(found), language, with)
	}
	return found[0]
}

// newModule creates a user's module with this main.go, as the README's go get and go mod tidy do.
func newModule(t *testing.T, program string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	command(t, dir, "go", "mod", "init", "example.com/shop")
	write(t, filepath.Join(dir, "main.go"), program)
	get := block(t, "README.md", "sh", "go get")
	command(t, dir, "bash", "-euc", strings.ReplaceAll(get, rootModule+"\n", rootModule+"@"+*version+"\n"))
	command(t, dir, "go", "mod", "tidy")
	return dir
}

// start builds and starts a program in a folder, with a secret, until the test ends. It returns its
// log.
func start(t *testing.T, dir, addr, secret string, args ...string) *output {
	t.Helper()
	command(t, dir, "go", "build", "-o", "shop", ".")
	ctx, cancel := context.WithCancel(t.Context())
	c := exec.CommandContext(ctx, filepath.Join(dir, "shop"), args...)
	log := new(output)
	c.Env, c.Stdout, c.Stderr = append(os.Environ(), "WEBHOOK_SECRET="+secret), log, log
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); _ = c.Wait() })
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
		if err == nil {
			_ = conn.Close()
			return log
		}
		if time.Now().After(deadline) {
			cancel()
			_ = c.Wait()
			t.Fatalf("nothing listens on %s: %v\n%s", addr, err, log)
		}
	}
}

// output collects what a program writes while it runs.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// waitFor gives a program ten seconds to write a text.
func waitFor(o *output, text string) {
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(o.String(), text) && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
}

// freeAddr returns an address for a program that is not built yet. The system gives no such port to
// outgoing connections or to programs that ask for any port.
func freeAddr(t *testing.T) string {
	t.Helper()
	for range 100 {
		addr := fmt.Sprintf("127.0.0.1:%d", 26000+rand.IntN(4000))
		ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", addr)
		if err == nil {
			ln.Close()
			return addr
		}
	}
	t.Fatal("no port from 26000 to 29999 is free")
	return ""
}

func TestTheEndpointOfTheReadmeRunsAsPasted(t *testing.T) {
	addr := freeAddr(t)
	dir := newModule(t, strings.ReplaceAll(block(t, "README.md", "go", "package main"), pastedAddr, addr))
	lines := strings.SplitAfter(block(t, "README.md", "sh", "hookonce keygen"), "\n")
	// The first terminal: install, make a secret. go run follows, and the second terminal sends.
	var setUp, send string
	for _, l := range lines {
		switch {
		case strings.Contains(l, "go install"):
			setUp += strings.ReplaceAll(l, "@latest", "@"+*version)
		case strings.Contains(l, "keygen"):
			setUp += l
		case strings.Contains(l, "hookonce send"):
			send += strings.ReplaceAll(l, pastedAddr, addr)
		case strings.TrimSpace(l) != "" && strings.TrimSpace(l) != "WEBHOOK_SECRET=$(cat secret.txt) go run .":
			t.Errorf("this test knows nothing of the line %q", l)
		}
	}
	command(t, dir, "bash", "-euc", setUp)
	secret, err := os.ReadFile(filepath.Join(dir, "secret.txt"))
	if err != nil {
		t.Fatal(err)
	}
	start(t, dir, addr, strings.TrimSpace(string(secret)))
	if out := command(t, dir, "bash", "-euc", send); !strings.Contains(out, "200") {
		t.Errorf("hookonce send says:\n%s", out)
	}
	// One attempt twice, then with another body. The comments say the statuses.
	attempts := block(t, "README.md", "sh", "sh attempt.sh")
	said := command(t, dir, "bash", "-euo", "pipefail", "-c", strings.ReplaceAll(attempts, pastedAddr, addr))
	var want, got []string
	for _, m := range regexp.MustCompile(`(?m)# (\d{3})`).FindAllStringSubmatch(attempts, -1) {
		want = append(want, m[1])
	}
	for _, m := range regexp.MustCompile(`(?m)^HTTP/1\.1 (\d{3}) `).FindAllStringSubmatch(said, -1) {
		got = append(got, m[1])
	}
	if len(want) != 3 || !slices.Equal(got, want) {
		t.Errorf("the attempts get %q, the README says %q:\n%s", got, want, said)
	}
}

func TestEveryBlockOfTheReadmeIsRun(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(tree, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	run := []string{
		"go get", "package main", "hookonce keygen", "sh attempt.sh", "g.POST", "e.POST", "app.Post", "hookonce explain", "explain.Hook",
		"make test-all", // by continuous integration
	}
	all := regexp.MustCompile("(?ms)^```\\w*\n(.*?)^```$").FindAllString(string(text), -1)
	if len(all) != len(run) {
		t.Errorf("the README has %d blocks, and these tests run %d", len(all), len(run))
	}
	for _, b := range all {
		if !slices.ContainsFunc(run, func(with string) bool { return strings.Contains(b, with) }) {
			t.Errorf("no test runs this block:\n%s", b)
		}
	}
}

func TestAWrongSecretLeavesATraceInTheLogOfTheReadmesEndpoint(t *testing.T) {
	addr := freeAddr(t)
	dir := newModule(t, strings.ReplaceAll(block(t, "README.md", "go", "package main"), pastedAddr, addr))
	command(t, dir, "go", "install", rootModule+"/cmd/hookonce@"+*version)
	log := start(t, dir, addr, strings.TrimSpace(command(t, dir, "hookonce", "keygen")))
	command(t, dir, "bash", "-uc", "hookonce keygen > other.txt; hookonce send --to http://"+addr+"/hook --secret-file other.txt; test $? = 1")
	waitFor(log, "no-match") // the log is written after the response
	if !strings.Contains(log.String(), "no-match") {
		t.Errorf("the log is:\n%s", log)
	}
}

// harness is a program that declares what the lines for a framework assume.
const harness = `package main

import (
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"

	"github.com/gin-gonic/gin"
	"github.com/gofiber/fiber/v2"
	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/echowh"
	"github.com/hookonce/hookonce/explain"
	"github.com/hookonce/hookonce/fiberwh"
	"github.com/hookonce/hookonce/ginwh"
	"github.com/hookonce/hookonce/nethttp"
	"github.com/hookonce/hookonce/stores/memstore"
	"github.com/labstack/echo/v4"
)

func main() {
	logger := slog.Default()
	CONFIG
	v, err := core.New(core.Secrets(os.Getenv("WEBHOOK_SECRET")), memstore.New(), config)
	if err != nil {
		log.Fatal(err)
	}
	ln, err := net.Listen("tcp", os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	switch os.Args[1] {
	case "nethttp":
		log.Fatal(http.Serve(ln, nethttp.New(v)(http.NotFoundHandler())))
	case "gin":
		g := gin.New()
		GIN
		log.Fatal(g.RunListener(ln))
	case "echo":
		e := echo.New()
		ECHO
		e.Listener = ln
		log.Fatal(e.Start(""))
	case "fiber":
		app := fiber.New()
		FIBER
	}
}
`

func TestTheLinesOfEachFrameworkRunAsPasted(t *testing.T) {
	program := strings.NewReplacer(
		"CONFIG", block(t, "README.md", "go", "explain.Hook"),
		"GIN", block(t, "README.md", "go", "g.POST"),
		"ECHO", block(t, "README.md", "go", "e.POST"),
		"FIBER", block(t, "README.md", "go", "app.Post"),
	).Replace(harness)
	dir := newModule(t, program)
	command(t, dir, "go", "install", rootModule+"/cmd/hookonce@"+*version)
	command(t, dir, "hookonce", "keygen", "--out", "secret.txt")
	text, err := os.ReadFile(filepath.Join(dir, "secret.txt"))
	if err != nil {
		t.Fatal(err)
	}
	secret := strings.TrimSpace(string(text))
	for _, framework := range []string{"gin", "echo", "fiber"} {
		addr := freeAddr(t)
		start(t, dir, addr, secret, framework, addr)
		if out := command(t, dir, "hookonce", "send", "--to", "http://"+addr+"/hook", "--secret-file", "secret.txt"); !strings.Contains(out, "200") {
			t.Errorf("%s: hookonce send says:\n%s", framework, out)
		}
	}
	addr := freeAddr(t)
	log := start(t, dir, addr, secret, "nethttp", addr)
	command(t, dir, "bash", "-uc", "hookonce keygen > other.txt; hookonce send --to http://"+addr+"/hook --secret-file other.txt; test $? = 1")
	waitFor(log, "webhook refused: ")
	if !strings.Contains(log.String(), "no-match") || !strings.Contains(log.String(), "webhook refused: ") {
		t.Errorf("the log with explain.Hook is:\n%s", log)
	}
}

func TestTheCommandsThatExplainRunAsPasted(t *testing.T) {
	dir := t.TempDir()
	command(t, dir, "go", "install", rootModule+"/cmd/hookonce@"+*version)
	command(t, dir, "hookonce", "keygen", "--out", "secret.txt")
	if out := command(t, dir, "bash", "-uc", block(t, "README.md", "sh", "hookonce explain")+"\ntrue"); !strings.Contains(out, "body-newline (proven)") {
		t.Errorf("they say:\n%s", out)
	}
}

// TestTheCopyOfTheProductionExampleBuilds follows docs/production.md.
func TestTheCopyOfTheProductionExampleBuilds(t *testing.T) {
	clone := t.TempDir()
	command(t, clone, "git", "clone", "--quiet", "--depth", "1", "file://"+absolute(t, tree), "hookonce")
	commands := block(t, "docs/production.md", "sh", "go mod init")
	out := command(t, filepath.Join(clone, "hookonce"), "bash", "-euc", commands)
	if strings.Contains(out, "hookonce v0.0.0") {
		t.Errorf("the copy requires another version than a stranger gets:\n%s", out)
	}
	// It starts, and reports all settings that are missing.
	out = command(t, filepath.Join(clone, "webhooks"), "bash", "-uc", "env -u REDIS_URL -u DATABASE_URL ./webhooks; test $? = 1")
	for _, missing := range []string{"REDIS_URL", "DATABASE_URL"} {
		if !strings.Contains(out, missing) {
			t.Errorf("the program without settings does not mention %s:\n%s", missing, out)
		}
	}
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}
