package docs_test

import (
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// Comments wrap at these columns; a tab counts as four. Nobody reads a longer package comment to
// its end.
const (
	docColumns     = 80
	commentColumns = 100
	packageLines   = 60
)

// goFiles calls visit for each Go file of all modules.
func goFiles(t *testing.T, visit func(path string, source []byte)) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go"):
			return nil
		}
		source, err := os.ReadFile(path)
		n++
		visit(path, source)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if n < 300 {
		t.Fatalf("only %d files found", n)
	}
}

// wide returns the comment lines that are too wide: more than 80 columns in doc comments, more than
// 100 in others. Comments in tests are not documentation, except those of examples.
func wide(path string, source []byte) ([]string, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, source, parser.ParseComments)
	if err != nil || ast.IsGenerated(file) {
		return nil, err
	}
	lines := strings.Split(string(source), "\n")
	docs := docComments(file, strings.HasSuffix(path, "_test.go"))
	var found []string
	for _, group := range file.Comments {
		limit := commentColumns
		if docs[group] {
			limit = docColumns
		}
		for n := fset.Position(group.Pos()).Line; n <= fset.Position(group.End()).Line; n++ {
			line := lines[n-1]
			columns := utf8.RuneCountInString(strings.ReplaceAll(line, "\t", "    "))
			if columns > limit && !exempt(line) {
				found = append(found, fmt.Sprintf("%s:%d: a comment of %d columns, more than %d", path, n, columns, limit))
			}
		}
	}
	return found, nil
}

// docComments returns the comments that document a package, a declaration, a field or a method.
func docComments(file *ast.File, test bool) map[*ast.CommentGroup]bool {
	docs := map[*ast.CommentGroup]bool{file.Doc: true}
	for _, decl := range file.Decls {
		if test {
			if f, ok := decl.(*ast.FuncDecl); ok && strings.HasPrefix(f.Name.Name, "Example") {
				docs[f.Doc] = true
			}
			continue
		}
		ast.Inspect(decl, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				docs[n.Doc] = true
				return false
			case *ast.GenDecl:
				docs[n.Doc] = true
			case *ast.TypeSpec:
				docs[n.Doc] = true
			case *ast.ValueSpec:
				docs[n.Doc] = true
				return false
			case *ast.Field:
				docs[n.Doc] = true
			}
			return true
		})
	}
	return docs
}

// exempt reports whether a line need not wrap: code with a trailing comment, code in a comment, a
// table, a directive, or a line with an address, which may lack its scheme.
func exempt(line string) bool {
	line = strings.TrimLeft(line, "\t")
	return !strings.HasPrefix(line, "// ") || strings.Count(line, "|") > 1 || strings.Contains(line, "://") || address.MatchString(line)
}

// address matches an address without its scheme, alone on its line.
var address = regexp.MustCompile(`^// [a-z0-9.-]+\.[a-z]+/\S+[.,]?$`)

func TestCommentsWrap(t *testing.T) {
	t.Parallel()
	goFiles(t, func(path string, source []byte) {
		found, err := wide(path, source)
		if err != nil {
			t.Error(err)
		}
		for _, line := range found {
			t.Error(line)
		}
	})
}

// TestWideCommentsAreFound proves that the test above can fail.
func TestWideCommentsAreFound(t *testing.T) {
	t.Parallel()
	words := func(n int) string { return "// " + strings.Repeat("a", n-len("// ")) }
	const test = "a_test.go"
	for name, c := range map[string]struct {
		path, source string
		want         int
	}{
		"80 columns over a package":     {"a.go", words(80) + "\npackage a\n", 0},
		"81 columns over a package":     {"a.go", words(81) + "\npackage a\n", 1},
		"81 columns over a function":    {"a.go", "package a\n" + words(81) + "\nfunc f() {}\n", 1},
		"81 columns over a field":       {"a.go", "package a\ntype s struct {\n\t" + words(77) + "\n\tn int\n}\n", 1},
		"100 columns in a function":     {"a.go", "package a\nfunc f() {\n\t" + words(96) + "\n}\n", 0},
		"101 columns in a function":     {"a.go", "package a\nfunc f() {\n\t" + words(97) + "\n}\n", 1},
		"81 columns over a test":        {test, "package a\n" + words(81) + "\nfunc TestA() {}\n", 0},
		"101 columns over a test":       {test, "package a\n" + words(101) + "\nfunc TestA() {}\n", 1},
		"81 columns over an example":    {test, "package a\n" + words(81) + "\nfunc ExampleA() {}\n", 1},
		"two wide lines":                {"a.go", words(81) + "\n" + words(90) + "\npackage a\n", 2},
		"code":                          {"a.go", "//\t" + words(120) + "\npackage a\n", 0},
		"an address without its scheme": {"a.go", "// example.com/" + strings.Repeat("a", 90) + ",\npackage a\n", 0},
		"an address":                    {"a.go", words(120) + " https://example.com\npackage a\n", 0},
		"a table":                       {"a.go", words(120) + " | a | b\npackage a\n", 0},
		"a comment behind code":         {"a.go", "package a\nvar n = 1 " + words(120) + "\n", 0},
		"letters of more than one byte": {"a.go", "// " + strings.Repeat("…", 77) + "\npackage a\n", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found, err := wide(c.path, []byte(c.source))
			if err != nil || len(found) != c.want {
				t.Errorf("found %q (error %v), want %d", found, err, c.want)
			}
		})
	}
}

// withoutServer are packages whose examples need a server. Tests in integration run them.
var withoutServer = []string{"stores/sqlstore"}

// TestPackagesHaveAShortCommentAndAnExample checks what pkg.go.dev shows. An example with an output
// runs there and in the tests.
func TestPackagesHaveAShortCommentAndAnExample(t *testing.T) {
	t.Parallel()
	type pkg struct {
		comment  *ast.CommentGroup
		exported bool
		example  bool
	}
	packages, core := make(map[string]*pkg), make(map[string]*doc.Example)
	goFiles(t, func(path string, source []byte) {
		file, err := parser.ParseFile(token.NewFileSet(), path, source, parser.ParseComments)
		if err != nil {
			t.Error(err)
			return
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			t.Error(err)
			return
		}
		if regexp.MustCompile(`^(examples|integration|bench)(/|$)|(^|/)internal(/|$)`).MatchString(dir) {
			return
		}
		p := packages[dir]
		if p == nil {
			p = new(pkg)
			packages[dir] = p
		}
		if strings.HasSuffix(path, "_test.go") {
			for _, e := range doc.Examples(file) {
				if dir == "core" {
					core[e.Name] = e
				}
			}
			p.example = p.example || slices.ContainsFunc(doc.Examples(file), func(e *doc.Example) bool {
				return e.Output != "" || e.EmptyOutput || slices.Contains(withoutServer, dir)
			})
			return
		}
		p.exported = p.exported || file.Name.Name != "main" && ast.FileExports(file)
		if file.Doc != nil {
			p.comment = file.Doc
		}
	})
	for _, name := range []string{"New", "KeySourceFunc", "Verifier_Verify", "Commit", "FromContext", "Config_observe"} {
		if e := core[name]; e == nil || e.Output == "" {
			t.Errorf("core has no example of %s with an output", name)
		}
	}
	if len(packages) < 18 {
		t.Errorf("only %d packages found", len(packages))
	}
	for dir, p := range packages {
		if p.comment == nil {
			t.Errorf("%s has no package comment", dir)
			continue
		}
		if n := commentLines(p.comment); n > packageLines {
			t.Errorf("the comment of package %s has %d lines, more than %d", dir, n, packageLines)
		}
		if p.exported && !p.example {
			t.Errorf("package %s has no example with an output", dir)
		}
	}
}

// TestASkippedTestNamesTheCommandThatRunsIt: make test lists these at its end. A test that cannot
// apply may skip without one.
func TestASkippedTestNamesTheCommandThatRunsIt(t *testing.T) {
	t.Parallel()
	skip := regexp.MustCompile(`\.Skipf?\((.*(?:is not installed|takes seconds|takes minutes|builds).*)\)`)
	found := 0
	goFiles(t, func(path string, source []byte) {
		if !strings.HasSuffix(path, "_test.go") || filepath.Base(path) == "comments_test.go" {
			return
		}
		for _, m := range skip.FindAllStringSubmatch(string(source), -1) {
			if found++; !strings.Contains(m[1], "run `make ") {
				t.Errorf("%s: %s names no command, as in: run `make test-all`", path, m[1])
			}
		}
	})
	if found < 5 {
		t.Errorf("only %d such tests found", found)
	}
}

// commentLines counts the lines of a comment as go doc prints it, including its package clause and
// the empty line below.
func commentLines(group *ast.CommentGroup) int {
	text := new(doc.Package).Text(group.Text())
	return strings.Count(string(text), "\n") + 2
}
