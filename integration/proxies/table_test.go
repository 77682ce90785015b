package proxies_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hookonce/hookonce/explain"
)

// row is one line of the page.
type row struct {
	intermediary

	outcomes, cured []outcome
}

const (
	begin = "<!-- made by integration/proxies: go test -run . ./proxies -update -->\n"
	end   = "<!-- end -->\n"
)

// write compares the page with what was seen, or writes it.
func write(t *testing.T, rows []row) {
	t.Helper()
	if t.Failed() {
		return
	}
	table := tables(t, rows)
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := bytes.Cut(text, []byte(begin))
	_, after, closed := bytes.Cut(rest, []byte(end))
	if !ok || !closed {
		t.Fatalf("%s has no place for the tables: %q and %q", page, begin, end)
	}
	want := slices.Concat(before, []byte(begin), []byte(table), []byte(end), after)
	switch {
	case bytes.Equal(want, text):
	case *update:
		if err := os.WriteFile(page, want, 0o644); err != nil { //nolint:gosec // a page that anybody reads
			t.Fatal(err)
		}
	default:
		t.Errorf("%s is not what was seen: run the test with -update, and read what changed.\nseen:\n%s", page, table)
	}
}

func tables(t *testing.T, rows []row) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("| proxy | setting | changes | refuses by itself | refused here | cure |\n|---|---|---|---|---|---|\n")
	named, refused, wrong := 0, 0, 0
	said := make(map[string]map[string]int) // by what was changed
	for i := range rows {
		r := &rows[i]
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", r.name, r.setting, r.changes(), r.itself(), r.refusals(), r.cures(t, rows))
		for j := range r.outcomes {
			o := &r.outcomes[j]
			if !o.refused() || o.arrived.reason == "body-too-large" {
				continue
			}
			refused++
			first := explain.Finding{Mistake: "nothing"}
			if len(o.arrived.found.Findings) > 0 {
				first = o.arrived.found.Findings[0]
			}
			ok := slices.Contains(right(o.changed), first.Mistake)
			switch {
			case ok:
				named++
			case first.Proven:
				wrong++
				t.Errorf("%s, %s, %s, %s: proven as %s, but changed are %v", r.name, r.setting, o.sender, o.shape, first.Mistake, o.changed)
			}
			what := strings.Join(o.changed, ", ")
			if said[what] == nil {
				said[what] = make(map[string]int)
			}
			said[what][string(first.Mistake)]++
		}
	}
	fmt.Fprintf(&b, "\n`hookonce explain` names the change on its first line for %d of %d refused requests, and proves a wrong one for %d.\n\n", named, refused, wrong)
	b.WriteString("| changed | what explain says first |\n|---|---|\n")
	for _, what := range slices.Sorted(maps.Keys(said)) {
		fmt.Fprintf(&b, "| %s | %s |\n", orNothing(what), counts(said[what]))
	}
	return b.String()
}

// changes lists what arrived in another way, with the shapes of which it is true.
func (r *row) changes() string {
	by := make(map[string]map[string]bool)
	for i := range r.outcomes {
		for _, c := range r.outcomes[i].changed {
			if by[c] == nil {
				by[c] = make(map[string]bool)
			}
			by[c][r.outcomes[i].shape] = true
		}
	}
	all := make([]string, 0, len(by))
	for _, c := range slices.Sorted(maps.Keys(by)) {
		all = append(all, c+" ("+strings.Join(slices.Sorted(maps.Keys(by[c])), ", ")+")")
	}
	return orNothing(strings.Join(all, "; "))
}

// itself lists what the sender is told by the proxy itself.
func (r *row) itself() string {
	by := make(map[string]bool)
	for i := range r.outcomes {
		if o := &r.outcomes[i]; o.arrived == nil {
			by[o.shape+": "+strconv.Itoa(o.status)] = true
		} else if o.handled() && o.status != 200 {
			by[o.shape+": "+strconv.Itoa(o.status)+" for a handled message"] = true
		}
	}
	return orNothing(strings.Join(slices.Sorted(maps.Keys(by)), ", "))
}

// refusals lists the senders whose messages were refused, with the shapes.
func (r *row) refusals() string {
	by := make(map[string]map[string]bool) // senders by shape
	for i := range r.outcomes {
		if o := &r.outcomes[i]; o.refused() {
			if by[o.shape] == nil {
				by[o.shape] = make(map[string]bool)
			}
			by[o.shape][o.sender] = true
		}
	}
	lines := make(map[string][]string) // shapes by senders
	for shape, senders := range by {
		names := strings.Join(slices.Sorted(maps.Keys(senders)), ", ")
		lines[names] = append(lines[names], shape)
	}
	all := make([]string, 0, len(lines))
	for _, names := range slices.Sorted(maps.Keys(lines)) {
		slices.Sort(lines[names])
		all = append(all, names+" ("+strings.Join(lines[names], ", ")+")")
	}
	return orNothing(strings.Join(all, "; "))
}

// cures says what cures, after it was seen to.
func (r *row) cures(t *testing.T, rows []row) string {
	t.Helper()
	outcomes := r.cured
	if r.cure != "" && r.cure != wholeURL {
		i := slices.IndexFunc(rows, func(o row) bool { return o.name == r.name && o.setting == r.cure })
		if i < 0 {
			t.Errorf("%s, %s: the cure %q is no row", r.name, r.setting, r.cure)
			return ""
		}
		outcomes = rows[i].outcomes
	}
	for i := range outcomes {
		if o := &outcomes[i]; o.refused() && o.shape != "2 MiB" {
			t.Errorf("%s, %s: with the cure %q, %s is refused (%s): %s", r.name, r.setting, r.cure, o.sender, o.shape, o.arrived.reason)
		}
	}
	return orNothing(r.because)
}

func orNothing(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

func counts(by map[string]int) string {
	all := make([]string, 0, len(by))
	for _, word := range slices.Sorted(maps.Keys(by)) {
		all = append(all, fmt.Sprintf("%s %d", word, by[word]))
	}
	return strings.Join(all, ", ")
}
