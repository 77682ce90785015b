package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/hookonce/hookonce/core"
)

// TestResponsesAreAsDocumented reads the first table of docs/answers.md.
func TestResponsesAreAsDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "docs", "answers.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| (\\d{3}) \\| `([a-z-]+)` \\|").FindAllStringSubmatch(string(text), -1)
	if len(rows) != 17 {
		t.Errorf("%d reasons with a response, want 17: has the format of the table changed?", len(rows))
	}
	for _, row := range rows {
		answer := (&core.Error{Reason: core.Reason(row[1])}).Answer()
		if row[2] != strconv.Itoa(answer.Status) || !strings.Contains(string(answer.Body), `"urn:hookonce:`+row[3]+`"`) {
			t.Errorf("%s is documented as %s %s, but the response is %d %s", row[1], row[2], row[3], answer.Status, answer.Body)
		}
	}
}
