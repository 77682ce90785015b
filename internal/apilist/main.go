// Command apilist prints everything that these modules export to users, without
// comments and bodies, for api.txt. The API listed there is stable.
//
//	apilist DIR...
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/build"
	"go/doc"
	"go/format"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func main() {
	if err := run(os.Stdout, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "apilist:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, modules []string) error {
	if len(modules) == 0 {
		return errors.New("no modules: run make api, or name the directories of the modules")
	}
	out := bufio.NewWriter(w)
	for _, module := range modules {
		if err := writeModule(out, module); err != nil {
			return fmt.Errorf("%s: %w", module, err)
		}
	}
	return out.Flush()
}

func writeModule(w io.Writer, module string) error {
	cmd := exec.Command("go", "list", "-f", "{{.Name}}\t{{.ImportPath}}\t{{.Dir}}", "./...") //nolint:noctx // ends with go list
	cmd.Dir, cmd.Stderr = module, os.Stderr
	list, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("go list: %w", err)
	}
	for line := range strings.Lines(string(list)) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), "\t")
		path, dir, _ := strings.Cut(rest, "\t")
		if name == "main" || isPrivate(path) {
			continue
		}
		if err := writePackage(w, path, dir); err != nil {
			return err
		}
	}
	return nil
}

// isPrivate reports whether users do not import the package, because it is
// internal or an example, which is copied.
func isPrivate(path string) bool {
	return strings.Contains(path, "/internal/") || strings.Contains(path, "/examples/")
}

// writePackage writes nothing for a package without exported names, such as a
// package with only tests.
func writePackage(w io.Writer, path, dir string) error {
	found, err := build.Default.ImportDir(dir, 0)
	if err != nil {
		return err
	}
	fset := token.NewFileSet()
	files := make([]*ast.File, 0, len(found.GoFiles))
	for _, name := range found.GoFiles {
		f, err := parser.ParseFile(fset, filepath.Join(dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files = append(files, f)
	}
	p, err := doc.NewFromFiles(fset, files, path)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	values := func(vs []*doc.Value) {
		for _, v := range vs {
			writeDecl(&b, fset, v.Decl)
		}
	}
	funcs := func(fs []*doc.Func) {
		for _, f := range fs {
			writeDecl(&b, fset, f.Decl)
		}
	}
	values(p.Consts)
	values(p.Vars)
	funcs(p.Funcs)
	for _, t := range p.Types {
		writeDecl(&b, fset, t.Decl)
		values(t.Consts)
		values(t.Vars)
		funcs(t.Funcs)
		funcs(t.Methods)
	}
	if b.Len() == 0 {
		return nil
	}
	_, err = fmt.Fprintf(w, "# %s\n\n%s\n", path, b.Bytes())
	return err
}

// writeDecl prints one declaration without the empty lines that its comments
// leave behind.
func writeDecl(b *bytes.Buffer, fset *token.FileSet, decl ast.Node) {
	if f, ok := decl.(*ast.FuncDecl); ok {
		f.Body = nil
	}
	var text bytes.Buffer
	if err := format.Node(&text, fset, decl); err != nil {
		panic(err) // a buffer never fails, and the declaration was parsed
	}
	for line := range strings.Lines(text.String()) {
		if strings.TrimSpace(line) != "" {
			b.WriteString(line)
		}
	}
	b.WriteByte('\n')
}
