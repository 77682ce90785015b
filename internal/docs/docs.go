// Package docs turns the Go blocks in the documents into programs, so that
// tests can compile them. Blocks that need only the root module are compiled
// here. Other blocks are compiled in the nested module that has their client
// library.
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

// preamble declares what the fragments in the documents assume.
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

// tenants stands for the reader's own table.
type tenants struct{}

func (tenants) find(ctx context.Context, path string) (name string, keys *core.Keys, ok bool) { return }

var table tenants
`

// clients returns the packages that only nested modules have, by module.
func clients() map[string]map[string]string {
	return map[string]map[string]string{
		Integration: {"redis": "github.com/redis/go-redis/v9", "rueidis": "github.com/redis/rueidis"},
		Engines: {
			"jetstream": "github.com/nats-io/nats.go/jetstream",
			"clientv3":  "go.etcd.io/etcd/client/v3", "rpctypes": "go.etcd.io/etcd/api/v3/v3rpc/rpctypes", "pb": "go.etcd.io/etcd/api/v3/etcdserverpb",
			"memcache": "github.com/bradfitz/gomemcache/memcache",
			"dynamodb": "github.com/aws/aws-sdk-go-v2/service/dynamodb", "aws": "github.com/aws/aws-sdk-go-v2/aws",
			"types": "github.com/aws/aws-sdk-go-v2/service/dynamodb/types",
		},
		// Not compiled on its own: a test there finds the block in the package that it runs.
		Migrating: {
			"svix": "github.com/svix/svix-webhooks/go", "standardwebhooks": "github.com/standard-webhooks/standard-webhooks/libraries/go",
			"stripewebhook": "github.com/stripe/stripe-go/v85/webhook", "github": "github.com/google/go-github/v89/github",
			"slack": "github.com/slack-go/slack", "playground": "github.com/go-playground/webhooks/v6/github",
		},
		// Not compiled on their own: these blocks are parts of that program. jobs is its client.
		Queue: {"river": "github.com/riverqueue/river", "jobs": "github.com/riverqueue/river"},
	}
}

// The nested modules that have client libraries.
const (
	Integration = "integration"
	Engines     = "integration/engines"
	Queue       = "examples/queue"
	Migrating   = "integration/migrating"
)

// packages returns the packages that a fragment may use without importing them.
func packages() map[string]string {
	const module = "github.com/hookonce/hookonce/"
	return map[string]string{
		"bytes": "bytes", "context": "context", "errors": "errors", "fmt": "fmt", "http": "net/http", "httptest": "net/http/httptest",
		"log": "log", "math": "math", "net": "net", "os": "os", "slog": "log/slog", "sql": "database/sql", "strconv": "strconv", "strings": "strings",
		"testing": "testing", "time": "time",
		"gin": "github.com/gin-gonic/gin", "echo": "github.com/labstack/echo/v4", "fiber": "github.com/gofiber/fiber/v2",
		"core": module + "core", "explain": module + "explain", "nethttp": module + "nethttp", "ginwh": module + "ginwh", "echowh": module + "echowh",
		"fiberwh": module + "fiberwh", "memstore": module + "stores/memstore", "schemes": module + "schemes", "whtest": module + "whtest",
		"ownstore": module + "examples/ownstore",
		"casstore": module + "stores/casstore", "redisstore": module + "stores/redisstore", "sqlstore": module + "stores/sqlstore",
	}
}

// Block is a Go block in a document.
type Block struct {
	Name string // the document and the number of the block
	Text string
	// Module is the nested module with the client library that the block needs.
	// It is empty if the block needs none.
	Module string
}

// Blocks returns the Go blocks of all documents under root.
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
			all = append(all, Block{fmt.Sprintf("%s %d", filepath.Base(document), i+1), m[1], moduleOf(m[1])})
		}
	}
	return all, nil
}

func moduleOf(block string) string {
	for module, packages := range clients() {
		for name, path := range packages {
			if strings.Contains(block, path) || regexp.MustCompile(`\b`+name+`\.[A-Z]`).MatchString(block) {
				return module
			}
		}
	}
	if strings.Contains(block, "modernc.org/") || strings.Contains(block, "github.com/jackc/") || strings.Contains(block, "go-sql-driver") {
		return Integration
	}
	return ""
}

// Documents returns the paths of all documents under root.
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

// Compile compiles each block as a separate package, in the module of the
// working directory. The packages exist only in an overlay for the compiler, so
// no file is left behind. scratch is a directory for temporary files. The error
// contains the compiler's output.
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

// Program makes a package from a block. Complete files stay unchanged,
// declarations get the imports that they use, and statements get a function
// around them.
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
		// A fragment may declare a variable that only the reader's next line uses.
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
	known, granted := packages(), preamble
	maps.Copy(known, clients()[moduleOf(block)])
	if moduleOf(block) == Engines {
		granted = "" // whole functions, in a module without the frameworks
	}
	for _, name := range slices.Sorted(maps.Keys(known)) {
		if regexp.MustCompile(`\b` + name + `\.`).MatchString(granted + body) {
			fmt.Fprintf(&b, "import %s %q\n", name, known[name])
		}
	}
	b.WriteString(granted)
	b.WriteString(body)
	return b.String(), nil
}
