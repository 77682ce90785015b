// Package docs makes programs of the blocks of Go in the documents, so that tests can compile them: those of the root
// module here, those that need a client library in the module integration.
package docs

import (
	"context"
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
)

// preamble declares what the fragments of the documents take for granted.
const preamble = `
var (
	v      *core.Verifier
	mux    *http.ServeMux
	g      *gin.Engine
	e      *echo.Echo
	app    *fiber.App
	ln     net.Listener
	ctx    context.Context
	logger *slog.Logger
	signer *core.Signer
	keys   core.KeySource
	seen   core.SeenStore
	t      *testing.T
	db     *sql.DB
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

// clients are the packages that only the module integration has.
func clients() map[string]string {
	return map[string]string{"redis": "github.com/redis/go-redis/v9", "rueidis": "github.com/redis/rueidis"}
}

// packages are those that a fragment may use without importing them.
func packages() map[string]string {
	const module = "github.com/hookonce/hookonce/"
	return map[string]string{
		"bytes": "bytes", "context": "context", "errors": "errors", "fmt": "fmt", "http": "net/http", "httptest": "net/http/httptest",
		"log": "log", "net": "net", "os": "os", "slog": "log/slog", "sql": "database/sql", "strings": "strings", "testing": "testing", "time": "time",
		"gin": "github.com/gin-gonic/gin", "echo": "github.com/labstack/echo/v4", "fiber": "github.com/gofiber/fiber/v2",
		"core": module + "core", "explain": module + "explain", "nethttp": module + "nethttp", "ginwh": module + "ginwh", "echowh": module + "echowh",
		"fiberwh": module + "fiberwh", "memstore": module + "stores/memstore", "schemes": module + "schemes", "whtest": module + "whtest",
		"ownstore":   module + "examples/ownstore",
		"redisstore": module + "stores/redisstore", "sqlstore": module + "stores/sqlstore",
	}
}

// Block is a block of Go in a document.
type Block struct {
	Name string // the document and the number of the block
	Text string
	// Client says that it needs a client library, which only the module integration has.
	Client bool
}

// Blocks are those of all documents under root.
func Blocks(root string) ([]Block, error) {
	documents, err := Documents(root)
	if err != nil {
		return nil, err
	}
	var all []Block
	for _, document := range documents {
		text, err := os.ReadFile(document) //nolint:gosec // a file of this repository
		if err != nil {
			return nil, err
		}
		for i, m := range regexp.MustCompile("(?ms)^```go\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
			all = append(all, Block{fmt.Sprintf("%s %d", filepath.Base(document), i+1), m[1], needsClient(m[1])})
		}
	}
	return all, nil
}

func needsClient(block string) bool {
	for name, path := range clients() {
		if strings.Contains(block, path) || regexp.MustCompile(`\b`+name+`\.`).MatchString(block) {
			return true
		}
	}
	return strings.Contains(block, "modernc.org/") || strings.Contains(block, "github.com/jackc/") || strings.Contains(block, "go-sql-driver")
}

// Documents are the paths of all documents under root.
func Documents(root string) ([]string, error) {
	var all []string
	for _, pattern := range []string{"*.md", "docs/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// Compile compiles each block as a package of its own in the module of the working directory. The packages exist only for
// the compiler, and scratch is a directory for what it needs: nothing is left behind. The error holds what the compiler says.
func Compile(ctx context.Context, scratch string, blocks []Block) error {
	base, err := filepath.Abs(".")
	if err != nil {
		return err
	}
	overlay := struct {
		Replace map[string]string `json:"Replace"`
	}{make(map[string]string)}
	file := filepath.Join(scratch, "overlay.json")
	args := []string{"build", "-overlay", file, "-o", os.DevNull}
	for i, block := range blocks {
		source, err := Program(block.Name, block.Text)
		if err != nil {
			return fmt.Errorf("%s: %w\n%s", block.Name, err, block.Text)
		}
		path := filepath.Join(scratch, fmt.Sprintf("block%d.go", i+1))
		if err := os.WriteFile(path, []byte(source), 0o600); err != nil {
			return err
		}
		overlay.Replace[filepath.Join(base, fmt.Sprintf("block%d", i+1), "block.go")] = path
		args = append(args, fmt.Sprintf("./block%d", i+1))
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, "go", args...).CombinedOutput() //nolint:gosec // the arguments are made above
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// Program makes a package of a block: whole files stay as they are, declarations get the imports that they use, and
// statements a function around them.
func Program(name, block string) (string, error) {
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
	known := packages()
	maps.Copy(known, clients())
	for _, name := range slices.Sorted(maps.Keys(known)) {
		if regexp.MustCompile(`\b` + name + `\.`).MatchString(preamble + body) {
			fmt.Fprintf(&b, "import %s %q\n", name, known[name])
		}
	}
	b.WriteString(preamble)
	b.WriteString(body)
	return b.String(), nil
}
