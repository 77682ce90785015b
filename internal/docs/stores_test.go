package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hookonce/hookonce/core"
)

// TestDocumentedErrorsExist looks up the texts in the table of failures in the sources of the
// stores: an operator searches for them exactly as printed.
func TestDocumentedErrorsExist(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "docs", "stores.md"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	all.WriteString(string(core.ErrStoreFull + " " + core.ErrColdStart))
	for _, folder := range []string{"stores/*", "internal/abandon", "internal/owners"} {
		files, err := filepath.Glob(filepath.Join(root, folder, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(source)
		}
	}
	sources := all.String()
	_, table, _ := strings.Cut(string(text), "| symptom | in the error |")
	n := 0
	for _, row := range regexp.MustCompile(`(?m)^\| [^|]+ \| ([^|]+) \|`).FindAllStringSubmatch(table, -1) {
		for _, quoted := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1) {
			n++
			if !strings.Contains(sources, quoted[1]) {
				t.Errorf("no store says %q", quoted[1])
			}
		}
	}
	if n < 15 {
		t.Errorf("only %d texts found: has the format of the table changed?", n)
	}
}
