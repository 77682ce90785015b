package explain_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"testing"
)

// Proposals must call no key and spend no work. Otherwise an unproven mistake could be reported, or
// the work could exceed the budget.
func TestProposalsAskNoKeys(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("propose*.go")
	if err != nil || len(files) < 7 {
		t.Fatalf("%d files propose, %v", len(files), err)
	}
	judging := []string{"Verify", "judge", "work", "search", "offline", "charge", "apply", "spent", "limit", "unfinished", "tried", "forge"}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		fields := map[*ast.Ident]bool{} // declared, not used
		ast.Inspect(parsed, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Field:
				for _, name := range n.Names {
					fields[name] = true
				}
			case *ast.Ident:
				if slices.Contains(judging, n.Name) && !fields[n] {
					t.Errorf("%s uses %s, which judges", file, n.Name)
				}
			}
			return true
		})
	}
}
