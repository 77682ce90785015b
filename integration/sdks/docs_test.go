package sdks_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

const (
	document = "../../docs/providers.md"
	listed   = "../../schemes/testdata/judged.json"
)

// judged returns the libraries of each sender, the content of schemes/testdata/judged.json.
func judged(judges []judge) map[string][]string {
	all := make(map[string][]string)
	for _, j := range judges {
		all[j.sender] = append(all[j.sender], j.version)
	}
	return all
}

// table returns what docs/providers.md says about the judges and the differences.
func table(judges []judge, agreed, differed, names int) string {
	libraries := judged(judges)
	var b strings.Builder
	fmt.Fprintf(&b, "%d of the %d names are judged, by %d libraries: %d verdicts agree, %d differ.\n\n", len(libraries), names, len(judges), agreed, differed)
	b.WriteString("| tried | accepted by | senders | right | why |\n|---|---|---|---|---|\n")
	for _, d := range disagreements() {
		senders := strings.Fields(d.judges)
		for i, name := range senders {
			sender, of, _ := strings.Cut(name, ".")
			senders[i] = "`" + sender + "`"
			if of == "go" {
				senders[i] += " (Go)"
			}
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", strings.Join(d.trials, "; "), d.accepts, strings.Join(senders, ", "), d.right, d.why)
	}
	b.WriteString("\n| sender | judged by |\n|---|---|\n")
	for _, sender := range slices.Sorted(maps.Keys(libraries)) {
		fmt.Fprintf(&b, "| `%s` | %s |\n", sender, strings.Join(libraries[sender], ", "))
	}
	return b.String()
}

var writing sync.Mutex //nolint:gochecknoglobals // of the document, which two tests write

// wantBlock compares a block of docs/providers.md with its expected text, or with -update writes
// it.
func wantBlock(t *testing.T, name, text string) {
	t.Helper()
	writing.Lock()
	defer writing.Unlock()
	whole, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "<!-- "+name+": written by `go test . -update` in integration/sdks -->\n", "<!-- end of "+name+" -->"
	before, rest, ok := strings.Cut(string(whole), begin)
	got, after, closed := strings.Cut(rest, end)
	switch {
	case !ok || !closed:
		t.Fatalf("docs/providers.md has no block between %q and %q", begin, end)
	case got == text:
	case *update:
		if err := os.WriteFile(document, []byte(before+begin+text+end+after), 0o600); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("the block %q of docs/providers.md is not what the test found: run `go test . -update` in integration/sdks, and read the difference", name)
	}
}

// wantList does the same for the list of what is judged, for the tests of schemes.
func wantList(t *testing.T, judges []judge) {
	t.Helper()
	text, err := json.MarshalIndent(judged(judges), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, '\n')
	if *update {
		if err := os.WriteFile(listed, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(listed); err != nil || string(got) != string(text) {
		t.Errorf("schemes/testdata/judged.json is not the list of what is judged here (%v): run `go test . -update` in integration/sdks", err)
	}
}
