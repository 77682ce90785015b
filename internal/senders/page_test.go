package senders_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hookonce/hookonce/internal/senders"
	"github.com/hookonce/hookonce/schemes"
)

var update = flag.Bool("update", false, "write evidence.json and the tables of docs/providers.md") //nolint:gochecknoglobals // a flag

const vectorFiles = "../../schemes/testdata/"

func groups(t *testing.T) []senders.Group {
	t.Helper()
	all, err := senders.Groups()
	if err != nil {
		t.Fatal(err)
	}
	evidence := gathered(t) // not what is embedded, which -update may just have written
	for _, g := range all {
		for i := range g.Senders {
			g.Senders[i].Evidence = evidence[g.Senders[i].Name]
		}
	}
	return all
}

func read(t *testing.T, name string, to any) {
	t.Helper()
	text, err := os.ReadFile(vectorFiles + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, to); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// gathered collects the evidence from the files in schemes/testdata.
func gathered(t *testing.T) map[string]senders.Evidence {
	t.Helper()
	all := map[string]senders.Evidence{}
	change := func(name string, change func(*senders.Evidence)) {
		e := all[name]
		change(&e)
		all[name] = e
	}
	var judged map[string][]string
	read(t, "judged.json", &judged)
	for name, libraries := range judged {
		change(name, func(e *senders.Evidence) { e.Judged = slices.Clone(libraries) })
	}
	type file struct {
		Vectors []struct{ Provider, Source string }
	}
	var official, libraries file
	read(t, "official.json", &official)
	for _, v := range official.Vectors {
		change(v.Provider, func(e *senders.Evidence) {
			if !slices.Contains(e.Vectors, v.Source) {
				e.Vectors = append(e.Vectors, v.Source)
			}
		})
	}
	read(t, "libraries.json", &libraries)
	by := regexp.MustCompile(`^(?:accepted by|made by the testing gateway of) (\S+) (\S+) on \d{4}-\d\d-\d\d$`)
	for _, v := range libraries.Vectors {
		found := by.FindStringSubmatch(v.Source)
		if found == nil {
			t.Errorf("libraries.json: the source of %s does not name library, version and day: %q", v.Provider, v.Source)
			continue
		}
		change(v.Provider, func(e *senders.Evidence) {
			if !slices.ContainsFunc(e.Judged, func(l string) bool { return strings.HasPrefix(l, "npm "+found[1]+"@") }) {
				e.Judged = append(e.Judged, "npm "+found[1]+"@"+found[2])
			}
		})
	}
	return all
}

func TestTheEvidenceIsThatOfTheTestdata(t *testing.T) {
	t.Parallel()
	all := gathered(t)
	text, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	written(t, "evidence.json", append(text, '\n'))
	confirmed, judged := 0, 0
	for _, g := range groups(t) {
		for _, s := range g.Senders {
			e := all[s.Name]
			if !e.None() {
				confirmed++
			}
			if len(e.Judged) > 0 {
				judged++
			}
			delete(all, s.Name)
		}
	}
	for name := range all {
		t.Errorf("schemes/testdata has evidence of %s, which is not in the registry", name)
	}
	t.Logf("%d names, of which %d are confirmed by a library of the sender, and %d by that or a published vector", len(schemes.Names()), judged, confirmed)
}

// written compares a file with its expected content, or with -update writes it.
func written(t *testing.T, name string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(name)
	if err != nil && !*update {
		t.Fatal(err)
	}
	if bytes.Equal(got, want) { //nolint:forbidigo // no MACs
		return
	}
	if !*update {
		t.Fatalf("%s differs from what it is generated from: run `go test ./internal/senders -update`", name)
	}
	if err := os.WriteFile(name, want, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestEveryNameHasOneSenderAndEverySenderAName(t *testing.T) {
	t.Parallel()
	var names []string
	for _, g := range groups(t) {
		if !slices.IsSortedFunc(g.Senders, func(a, b senders.Sender) int { return strings.Compare(a.Name, b.Name) }) {
			t.Errorf("senders.json: the group %q is not sorted", g.Name)
		}
		for _, s := range g.Senders {
			names = append(names, s.Name)
			for what, text := range map[string]string{
				"identifiedBy": s.IdentifiedBy, "time": s.Time, "body": s.Body, "source": s.Source, "read": s.Read, "equal": s.Equal, "toldApartBy": s.ToldApartBy,
			} {
				if text == "" || strings.ContainsAny(text, "|\n") {
					t.Errorf("senders.json: %s: %s is %q", s.Name, what, text)
				}
			}
		}
	}
	slices.Sort(names)
	known := schemes.Names()
	for _, name := range known {
		if !slices.Contains(names, name) {
			t.Errorf("internal/senders/senders.json has no sender %s: add one to a group", name)
		}
	}
	if !t.Failed() && !slices.Equal(names, known) {
		t.Errorf("senders.json has %d senders, the registry %d names: %q", len(names), len(known), names)
	}
}

// TestThePageIsGenerated checks the tables of docs/providers.md.
func TestThePageIsGenerated(t *testing.T) {
	t.Parallel()
	const name = "../../docs/providers.md"
	page, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for part, text := range map[string]string{"schemes": schemesTable(groups(t)), "retries": retriesTable(groups(t))} {
		begin, end := []byte("<!-- "+part+": written by internal/senders -->\n"), []byte("<!-- end of "+part+" -->\n")
		before, rest, ok := bytes.Cut(page, begin)
		_, after, there := bytes.Cut(rest, end)
		if !ok || !there {
			t.Fatalf("%s has no part %s", name, part)
		}
		page = slices.Concat(before, begin, []byte(text), end, after)
	}
	written(t, name, page)
}

func row(cells ...string) string { return "| " + strings.Join(cells, " | ") + " |\n" }

func code(text string) string { return "`" + text + "`" }

func schemesTable(all []senders.Group) string {
	var b strings.Builder
	total := 0
	for _, g := range all {
		total += len(g.Senders)
	}
	fmt.Fprintf(&b, "%d names, in these groups:\n\n", total)
	for _, g := range all {
		anchor := strings.NewReplacer(" ", "-", ",", "").Replace(strings.ToLower(g.Name))
		var names []string
		for _, s := range g.Senders {
			names = append(names, s.Name)
		}
		fmt.Fprintf(&b, "- [%s](#%s): %s\n", g.Name, anchor, strings.Join(names, ", "))
	}
	for _, g := range all {
		b.WriteString("\n### " + g.Name + "\n\n" + row("name", "headers", "identified by", "time", "body", "tolerance", "evidence", "source"))
		b.WriteString("|---|---|---|---|---|---|---|---|\n")
		for _, s := range g.Senders {
			headers := senders.HeaderText(s.Name, code)
			if headers == "" {
				headers = "–"
			}
			b.WriteString(row(code(s.Name), headers, s.IdentifiedBy, s.Time, s.Body, s.Tolerance, s.Proof(), s.Source))
		}
	}
	return b.String()
}

func retriesTable(all []senders.Group) string {
	var flat []senders.Sender
	for _, g := range all {
		flat = append(flat, g.Senders...)
	}
	slices.SortFunc(flat, func(a, b senders.Sender) int { return strings.Compare(a.Name, b.Name) })
	var b strings.Builder
	b.WriteString(row("name", "equal", "distinguished by", "stable", "retries", "longest gap", "retried after", "covered", "source", "read"))
	b.WriteString("|---|---|---|---|---|---|---|---|---|---|\n")
	for _, s := range flat {
		b.WriteString(row(code(s.Name), s.Equal, s.ToldApartBy, s.Stable, s.Retries, s.LongestGap, s.RetriedAfter, s.Covered, s.RetrySource, s.RetryRead))
	}
	return b.String()
}
