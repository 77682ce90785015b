// Package docs_test checks that what the documents say can be done.
package docs_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// preamble declares what the fragments of the documents take for granted.
const preamble = `
var (
	v      *core.Verifier
	mux    *http.ServeMux
	g      *gin.Engine
	e      *echo.Echo
	app    *fiber.App
	ctx    context.Context
	logger *slog.Logger
	signer *core.Signer
	keys   core.KeySource
	seen   core.SeenStore
	t      *testing.T
	tx     *sql.Tx
	store  transactional
	proxy  *whtest.Proxy
	open   func(t testing.TB) core.SeenStore

	r  *http.Request
	c  *gin.Context
	ec echo.Context
	fc *fiber.Ctx

	err error
)

// transactional stands for an SQL store.
type transactional interface {
	core.SeenStore
	Tx(tx *sql.Tx) core.SeenStore
}

// tenants stands for a reader's own table.
type tenants struct{}

func (tenants) find(ctx context.Context, path string) (name string, keys *core.Keys, ok bool) { return }

var table tenants
`

// packages are those that a fragment may use without importing them.
func packages() map[string]string {
	const module = "github.com/hookonce/hookonce/"
	return map[string]string{
		"bytes": "bytes", "context": "context", "errors": "errors", "fmt": "fmt", "http": "net/http", "httptest": "net/http/httptest",
		"log": "log", "os": "os", "slog": "log/slog", "sql": "database/sql", "strings": "strings", "testing": "testing", "time": "time",
		"gin": "github.com/gin-gonic/gin", "echo": "github.com/labstack/echo/v4", "fiber": "github.com/gofiber/fiber/v2",
		"core": module + "core", "nethttp": module + "nethttp", "ginwh": module + "ginwh", "echowh": module + "echowh",
		"fiberwh": module + "fiberwh", "memstore": module + "stores/memstore", "whtest": module + "whtest",
		"ownstore": module + "examples/ownstore",
	}
}

const root = "../.."

func TestEveryCodeBlockCompiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	overlay := struct{ Replace map[string]string }{make(map[string]string)}
	base, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, document := range documents(t) {
		for i, block := range blocks(t, document) {
			n++
			name := fmt.Sprintf("%s %d", filepath.Base(document), i+1)
			source, err := program(name, block)
			if err != nil {
				t.Errorf("%s: %v\n%s", name, err, block)
				continue
			}
			file := filepath.Join(dir, fmt.Sprintf("block%d.go", n))
			if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
				t.Fatal(err)
			}
			// Each is a package of its own that exists only for the compiler: nothing is left behind.
			overlay.Replace[filepath.Join(base, fmt.Sprintf("block%d", n), "block.go")] = file
		}
	}
	if n < 10 {
		t.Fatalf("only %d blocks of Go found: has the form of the documents changed?", n)
	}
	if out, err := compile(t, dir, overlay, n); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestBrokenBlockIsFound keeps the test above honest.
func TestBrokenBlockIsFound(t *testing.T) {
	t.Parallel()
	for name, block := range map[string]string{
		"unknown name":   "v.Vertify(ctx, nil)",
		"wrong type":     `core.Secrets(5)`,
		"missing result": "func handle(w http.ResponseWriter, r *http.Request) { _ = nethttp.Mesage(r) }",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source, err := program(name, block)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			file := filepath.Join(dir, "block.go")
			if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
				t.Fatal(err)
			}
			base, err := filepath.Abs(".")
			if err != nil {
				t.Fatal(err)
			}
			overlay := struct{ Replace map[string]string }{map[string]string{filepath.Join(base, "block1", "block.go"): file}}
			if out, err := compile(t, dir, overlay, 1); err == nil {
				t.Errorf("it compiles:\n%s", out)
			}
		})
	}
}

func compile(t *testing.T, dir string, overlay any, n int) (string, error) {
	t.Helper()
	text, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"build", "-overlay", file, "-o", os.DevNull}
	for i := range n {
		args = append(args, fmt.Sprintf("./block%d", i+1))
	}
	out, err := exec.CommandContext(t.Context(), "go", args...).CombinedOutput()
	return string(out), err
}

// program makes a package of a block: whole files stay as they are, declarations get the imports that they use, and
// statements a function around them.
func program(name, block string) (string, error) {
	if regexp.MustCompile(`(?m)^package `).MatchString(block) {
		return "//line " + name + ":1\n" + block, nil
	}
	body := block
	var tail strings.Builder
	if _, err := parser.ParseFile(token.NewFileSet(), "", "package p\n"+block, 0); err != nil {
		file, err := parser.ParseFile(token.NewFileSet(), "", "package p\nfunc _() {\n"+block+"\n}", 0)
		if err != nil {
			return "", fmt.Errorf("neither a file, nor declarations, nor statements: %w", err)
		}
		// A fragment may declare what only the reader's next line uses.
		for _, s := range file.Decls[0].(*ast.FuncDecl).Body.List { //nolint:errcheck // it was written above
			if a, ok := s.(*ast.AssignStmt); ok && a.Tok == token.DEFINE {
				for _, left := range a.Lhs {
					if id, ok := left.(*ast.Ident); ok && id.Name != "_" {
						tail.WriteString("_ = " + id.Name + "\n")
					}
				}
			}
		}
		body = "func _() {\n//line " + name + ":1\n" + block + "\n" + tail.String() + "}\n"
	}
	var b strings.Builder
	b.WriteString("package block\n\n")
	for _, known := range slices.Sorted(maps.Keys(packages())) {
		if regexp.MustCompile(`\b` + known + `\.`).MatchString(preamble + body) {
			fmt.Fprintf(&b, "import %s %q\n", known, packages()[known])
		}
	}
	b.WriteString(preamble)
	b.WriteString(body)
	return b.String(), nil
}

func documents(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"*.md", "docs/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, found...)
	}
	return all
}

func blocks(t *testing.T, document string) []string {
	t.Helper()
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, m := range regexp.MustCompile("(?ms)^```go\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		all = append(all, m[1])
	}
	return all
}

// TestEveryLinkLeadsSomewhere checks the relative links of the documents, and their anchors.
func TestEveryLinkLeadsSomewhere(t *testing.T) {
	t.Parallel()
	links := regexp.MustCompile(`\]\(([^)#: ]*)(#[^) ]*)?\)`)
	for _, document := range documents(t) {
		text, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range links.FindAllStringSubmatch(string(text), -1) {
			target := document
			if m[1] != "" {
				target = filepath.Join(filepath.Dir(document), m[1])
			}
			info, err := os.Stat(target)
			if err != nil {
				t.Errorf("%s: link to %s: %v", document, m[1], err)
				continue
			}
			if m[2] == "" || info.IsDir() {
				continue
			}
			content, err := os.ReadFile(target)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(anchors(string(content)), m[2]) {
				t.Errorf("%s: link to %s: no heading %s", document, target, m[2])
			}
		}
	}
}

// anchors are the headings of a document as links name them.
func anchors(text string) []string {
	var all []string
	drop := regexp.MustCompile(`[^a-z0-9 _-]`)
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		all = append(all, "#"+strings.ReplaceAll(drop.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-"))
	}
	return all
}
