package core_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/hookonce/hookonce"

// adapters import only core and their shared code from this module.
var adapters = []string{"nethttp", "ginwh", "echowh", "echov5wh", "fiberwh", "fiberv3wh"}

// leaves are programs and separate modules: no package imports them.
var leaves = []string{"cmd", "examples", "integration", "bench"}

func under(pkg string, roots ...string) bool {
	return slices.ContainsFunc(roots, func(r string) bool { return pkg == r || strings.HasPrefix(pkg, r+"/") })
}

// forbidden says why a package of this module must not import another path; "" if it may.
func forbidden(pkg, imported string) string {
	own, ours := strings.CutPrefix(imported, module)
	own = strings.TrimPrefix(own, "/")
	switch {
	case under(pkg, "core") && !ours && strings.Contains(strings.SplitN(imported, "/", 2)[0], "."):
		return "core rests on the standard library alone"
	case !ours:
		return ""
	case under(pkg, "core"):
		return "core imports nothing of this module"
	case under(own, leaves...) && !under(pkg, leaves...):
		return "nobody imports programs, examples, or the modules beside"
	case under(pkg, "adapter") && !under(own, "core", "internal/httpwh"):
		return "what adapters share imports core and the body of net/http only"
	case under(pkg, adapters...) && !under(own, "core", "adapter", "internal"):
		return "an adapter imports core and adapter only: never another adapter, a store, a scheme or whtest"
	case under(pkg, "stores", "schemes") && !under(own, "core", "internal"):
		return "stores and schemes import core only"
	case under(pkg, "explain") && !under(own, "core", "schemes", "internal"):
		return "explain imports core and schemes only"
	default:
		return ""
	}
}

func TestImportsGoInOneDirection(t *testing.T) {
	t.Parallel()
	files, found := 0, map[string]bool{}
	err := filepath.WalkDir("..", func(name string, d fs.DirEntry, err error) error {
		base := d.Name()
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != ".." && (strings.HasPrefix(base, ".") || base == "testdata"):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(base, ".go") || strings.HasSuffix(base, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		files++
		rel, err := filepath.Rel("..", filepath.Dir(name))
		if err != nil {
			return err
		}
		pkg := path.Clean(filepath.ToSlash(rel))
		found[pkg] = true
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if why := forbidden(pkg, imported); why != "" {
				t.Errorf("%s imports %s: %s", name, imported, why)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !found["core"] || files < 10 {
		t.Errorf("only %d files were looked at, in %v", files, found)
	}
}

func TestTheImportRulesForbidWhatTheyShould(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		pkg, imported string
		ok            bool
	}{
		{"core", "crypto/hmac", true},
		{"core", "golang.org/x/crypto/ed25519", false},
		{"core", module + "/internal/body", false},
		{"nethttp", module + "/core", true},
		{"nethttp", module + "/adapter", true},
		{"adapter", module + "/core", true},
		{"adapter", module + "/internal/httpwh", true},
		{"adapter", module + "/internal/birth", false},
		{"adapter", module + "/nethttp", false},
		{"adapter", module + "/whtest", false},
		{"nethttp", module + "/internal/body", true},
		{"ginwh", "github.com/gin-gonic/gin", true},
		{"ginwh", module + "/nethttp", false},
		{"fiberwh", module + "/stores/memstore", false},
		{"echowh", module + "/schemes", false},
		{"nethttp", module + "/whtest", false},
		{"stores/memstore", module + "/core", true},
		{"stores/memstore", module + "/whtest", false},
		{"whtest", module + "/examples/gin", false},
		{"examples/gin", module + "/ginwh", true},
		{"examples/quickstart", module + "/examples/internal/demo", true},
		{"explain", module + "/schemes", true},
		{"explain", module + "/cmd/hookonce", false},
		{"explain", module + "/nethttp", false},
		{"nethttp", module + "/explain", false},
		{"core", module + "/explain", false},
		{"schemes", module + "/explain", false},
	} {
		if got := forbidden(tt.pkg, tt.imported) == ""; got != tt.ok {
			t.Errorf("%s may import %s: %t, want %t", tt.pkg, tt.imported, got, tt.ok)
		}
	}
}
