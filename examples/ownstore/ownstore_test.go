package ownstore_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/examples/ownstore" //nolint:depguard // the test of this very package
	"github.com/hookonce/hookonce/whtest"
)

func open(t testing.TB, path string) *ownstore.Store {
	t.Helper()
	dir, err := os.OpenRoot(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dir.Close() })
	return &ownstore.Store{Dir: dir}
}

func TestStoreKeepsTheContract(t *testing.T) {
	t.Parallel()
	whtest.TestSeenStore(t,
		func(t testing.TB) core.SeenStore { return open(t, t.TempDir()) },
		whtest.StoreReopen(func(t testing.TB, s core.SeenStore) core.SeenStore {
			dir := s.(*ownstore.Store).Dir //nolint:errcheck // what open returned
			if err := dir.Close(); err != nil {
				t.Fatal(err)
			}
			return open(t, dir.Name())
		}),
		// As when the disk fails: nothing in the directory can be read or written.
		whtest.StoreBreak(func(t testing.TB, s core.SeenStore) func() {
			own := s.(*ownstore.Store) //nolint:errcheck // what open returned
			if err := own.Dir.Close(); err != nil {
				t.Fatal(err)
			}
			return func() { own.Dir = open(t, own.Dir.Name()).Dir }
		}),
	)
}

func TestDamagedRecordIsAnError(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	s := open(t, path)
	if err := os.WriteFile(filepath.Join(path, strings.Repeat("00", 32)), make([]byte, 47), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Swap(t.Context(), core.Key{}, core.Value{}, core.Value{1}, time.Hour); err == nil {
		t.Error("a record that cannot be read counts as none")
	}
}

// TestDocumentShowsTheStore compares the file with the block in the document, which promises 40
// lines: of code, without imports, comments and blank lines.
func TestDocumentShowsTheStore(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("ownstore.go")
	if err != nil {
		t.Fatal(err)
	}
	document, err := os.ReadFile("../../docs/writing-a-store.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(document), "```go\n"+string(source)+"```\n") {
		t.Error("docs/writing-a-store.md does not show examples/ownstore/ownstore.go as it is: copy it there")
	}
	_, code, found := strings.Cut(string(source), "\n)\n")
	if !found {
		t.Fatal("no imports found: has the form of the file changed?")
	}
	lines := 0
	for line := range strings.Lines(code) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
			lines++
		}
	}
	if lines > 40 {
		t.Errorf("%d lines of code, more than 40", lines)
	}
}
