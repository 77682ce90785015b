package engines

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/hookonce/hookonce/internal/docs"
)

// TestBlocksWithEnginesCompile compiles the blocks of the documents that need a
// client library of this module.
func TestBlocksWithEnginesCompile(t *testing.T) {
	t.Parallel()
	all, err := docs.Blocks("../..")
	if err != nil {
		t.Fatal(err)
	}
	blocks := slices.DeleteFunc(all, func(b docs.Block) bool { return b.Module != docs.Engines })
	if len(blocks) < 4 {
		t.Fatalf("only %d blocks found: has the form of the documents changed?", len(blocks))
	}
	if err := docs.Compile(t.Context(), t.TempDir(), blocks); err != nil {
		t.Error(err)
	}
}

// TestDocumentShowsTheEngines compares the files with the blocks of
// docs/stores.md, and counts lines of code: without comments and blank lines.
func TestDocumentShowsTheEngines(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile("../../docs/stores.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"nats.go", "etcd.go", "memcached.go", "dynamodb.go"} {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		_, code, found := strings.Cut(string(source), "\n)\n\n")
		if !found || !strings.Contains(string(document), "```go\n"+code+"```\n") {
			t.Errorf("docs/stores.md does not show the function of %s as it is: copy it there", name)
		}
		lines := 0
		for line := range strings.Lines(code) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
				lines++
			}
		}
		if lines > 25 {
			t.Errorf("%s: %d lines of code, more than 25", name, lines)
		}
	}
}
