// Package docs_test checks that the documents are true: their code compiles,
// and what they name exists.
package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hookonce/hookonce/internal/docs"
)

const root = "../.."

func TestEveryCodeBlockCompiles(t *testing.T) {
	t.Parallel()
	all, err := docs.Blocks(root)
	if err != nil {
		t.Fatal(err)
	}
	here := slices.DeleteFunc(all, func(b docs.Block) bool { return b.Module != "" })
	if len(here) < 10 {
		t.Fatalf("only %d blocks of Go found: has the format of the documents changed?", len(here))
	}
	if err := docs.Compile(t.Context(), t.TempDir(), here); err != nil {
		t.Error(err)
	}
}

// TestBrokenBlockIsFound proves that the test above can fail.
func TestBrokenBlockIsFound(t *testing.T) {
	t.Parallel()
	for name, block := range map[string]string{
		"unknown name":   "v.Vertify(ctx, nil)",
		"wrong type":     `core.Secrets(5)`,
		"missing result": "func handle(w http.ResponseWriter, r *http.Request) { _ = nethttp.Mesage(r) }",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := docs.Compile(t.Context(), t.TempDir(), []docs.Block{{Name: name, Text: block}}); err == nil {
				t.Error("it compiles")
			}
		})
	}
}

// TestEveryTestThatADocumentNamesExists: a number in a document is backed by the test named beside
// it.
func TestEveryTestThatADocumentNamesExists(t *testing.T) {
	t.Parallel()
	tests := make(map[string]bool)
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	err := filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, found := range declared.FindAllSubmatch(text, -1) {
			tests[string(found[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`(Test[A-Z]\\w+)`")
	documents, err := docs.Documents(root)
	if err != nil {
		t.Fatal(err)
	}
	names := 0
	for _, document := range documents {
		text, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range named.FindAllSubmatch(text, -1) {
			if names++; !tests[string(found[1])] {
				t.Errorf("%s names %s, but there is no such test", document, found[1])
			}
		}
	}
	if names < 15 {
		t.Errorf("only %d tests are named", names)
	}
}

// TestEveryLinkLeadsSomewhere checks the relative links of the documents, and their anchors.
func TestTheIndexOfFindingsIsComplete(t *testing.T) {
	t.Parallel()
	index, err := os.ReadFile(filepath.Join(root, "findings", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	scripts, err := filepath.Glob(filepath.Join(root, "findings", "*.sh"))
	if err != nil {
		t.Fatal(err)
	}
	if len(scripts) < 20 {
		t.Errorf("only %d scripts found", len(scripts))
	}
	for _, script := range scripts {
		name := filepath.Base(script)
		if row := "\n| [" + strings.TrimSuffix(name, ".sh") + "](" + name + ") |"; strings.Count(string(index), row) != 1 {
			t.Errorf("%s does not have one row in the index", name)
		}
	}
}

func TestEveryLinkLeadsSomewhere(t *testing.T) {
	t.Parallel()
	links := regexp.MustCompile(`\]\(([^)#: ]*)(#[^) ]*)?\)`)
	documents, err := docs.Documents(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, document := range documents {
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

// anchors returns the headings of a document in the form that links use.
func anchors(text string) []string {
	var all []string
	drop := regexp.MustCompile(`[^a-z0-9 _-]`)
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		all = append(all, "#"+strings.ReplaceAll(drop.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-"))
	}
	return all
}
