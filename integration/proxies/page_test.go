package proxies_test

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the tables of docs/proxies.md")

const page = "../../docs/proxies.md"

// publish compares the tables of the page with what was seen, or writes them.
func publish(t *testing.T, rows []row) {
	t.Helper()
	if t.Failed() {
		return
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	now := text
	for _, part := range []struct {
		name  string
		table string
	}{{"changes", changesTable(rows)}, {"responses", responsesTable(rows)}, {"explain", explainTable(rows)}, {"requests", requestsTable()}} {
		begin, end := []byte("<!-- "+part.name+": written by integration/proxies -->\n"), []byte("<!-- end of "+part.name+" -->\n")
		before, rest, ok := bytes.Cut(now, begin)
		_, after, closed := bytes.Cut(rest, end)
		if !ok || !closed {
			t.Fatalf("%s has no place for a table: %s%s", page, begin, end)
		}
		now = slices.Concat(before, begin, []byte(part.table), end, after)
		if !bytes.Contains(text, []byte(part.table)) && !*update {
			t.Errorf("%s: the table of %s is not what was seen. Run the test with -update, and read what changed.\nseen:\n%s", page, part.name, part.table)
		}
	}
	if *update && !bytes.Equal(now, text) {
		if err := os.WriteFile(page, now, 0o644); err != nil { //nolint:gosec // a page that anybody reads
			t.Fatal(err)
		}
	}
}

// byShape groups shapes under a word, and both in the order in which they came.
type byShape struct {
	words  []string
	shapes map[string][]string
}

func (b *byShape) add(word, shape string) {
	if b.shapes == nil {
		b.shapes = make(map[string][]string)
	}
	if b.shapes[word] == nil {
		b.words = append(b.words, word)
	}
	if !slices.Contains(b.shapes[word], shape) {
		b.shapes[word] = append(b.shapes[word], shape)
	}
}

// String has the words of the same shapes together.
func (b *byShape) String() string {
	words := make(map[string][]string) // by shapes
	var order []string
	for _, word := range b.words {
		list := some(b.shapes[word])
		if words[list] == nil {
			order = append(order, list)
		}
		words[list] = append(words[list], word)
	}
	all := make([]string, 0, len(order))
	for _, list := range order {
		all = append(all, strings.Join(words[list], ", ")+": "+list)
	}
	return orNothing(strings.Join(all, "<br>"))
}

// some lists shapes, in the order of the page.
func some(list []string) string {
	var in, out []string
	for _, s := range shapes() {
		if slices.Contains(list, s.name) {
			in = append(in, s.name)
		} else {
			out = append(out, s.name)
		}
	}
	switch {
	case len(out) == 0:
		return "*every request*"
	case len(out) <= 4 && len(in) > 8:
		return "*all but* " + strings.Join(out, ", ")
	}
	return strings.Join(in, ", ")
}

func orNothing(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

func changesTable(rows []row) string {
	var b strings.Builder
	b.WriteString("| proxy | setting | arrives changed | is refused, by what the sender signs | `explain` says | cure |\n|---|---|---|---|---|---|\n")
	for i := range rows {
		r := &rows[i]
		var changed byShape
		said := make(map[string]bool)
		for j := range r.outcomes {
			o := &r.outcomes[j]
			for _, what := range o.changed.list() {
				changed.add(what, o.shape)
			}
			if o.refused() {
				said[words(o.arrived.found)] = true
			}
		}
		cure := r.cure
		if i := slices.IndexFunc(rows, func(o row) bool { return o.name == r.name && o.setting == r.cure }); i >= 0 {
			cure = "↓ " + r.cure
		}
		_ = cure
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", r.name, r.setting, &changed, r.refusals(),
			orNothing(strings.Join(slices.Sorted(maps.Keys(said)), "<br>")), orNothing(r.cure))
	}
	return b.String()
}

// refusals says who is refused: all that sign the same, or the senders by name.
func (r *row) refusals() *byShape {
	refused, sent := make(map[string]map[string]bool), make(map[string]map[string]bool) // senders by shape
	note := func(m map[string]map[string]bool, o *outcome) {
		if m[o.shape] == nil {
			m[o.shape] = make(map[string]bool)
		}
		m[o.shape][o.sender.name] = true
	}
	for i := range r.outcomes {
		o := &r.outcomes[i]
		if note(sent, o); o.refused() {
			note(refused, o)
		}
	}
	var who byShape
	for _, signs := range []string{signsBody, signsURL, signsWhole, signsMessage, signsNothing} {
		for _, s := range shapes() {
			var in []string
			all := true
			for _, one := range senders() {
				if one.signs == signs && sent[s.name][one.name] {
					if refused[s.name][one.name] {
						in = append(in, one.name)
					} else {
						all = false
					}
				}
			}
			if all && len(in) > 0 {
				in = []string{"**" + signs + "**"}
			}
			for _, word := range in {
				who.add(word, s.name)
			}
		}
	}
	return &who
}

func responsesTable(rows []row) string {
	var b strings.Builder
	b.WriteString("| proxy | setting | what the sender is told by the proxy |\n|---|---|---|\n")
	for i := range rows {
		r := &rows[i]
		var told byShape
		for j := range r.outcomes {
			o := &r.outcomes[j]
			status := strconv.Itoa(o.status) + " " + http.StatusText(o.status)
			switch o.status {
			case closed:
				status = "the connection is closed"
			case hangs:
				status = "no response"
			}
			switch {
			case r.later:
			case o.arrived == nil && o.status/100 == 2:
				told.add("**"+status+"**, from the cache: the message is lost", o.shape)
			case o.arrived == nil:
				told.add(status, o.shape)
			case o.handled() && o.status != http.StatusOK:
				told.add("**"+status+"** of a message that was handled", o.shape)
			case o.refused() && o.status < 400:
				told.add("**"+status+"** of a message that was refused", o.shape)
			}
		}
		if len(told.words) > 0 {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", r.name, r.setting, &told)
		}
	}
	return b.String()
}

// explainTable counts how well the first line names what happened.
func explainTable(rows []row) string {
	var count [wronglyProven + 1]int
	total, handled, never := 0, 0, 0
	said := make(map[string]map[string]int) // by what was changed
	for i := range rows {
		for j := range rows[i].outcomes {
			o := &rows[i].outcomes[j]
			switch {
			case o.arrived == nil:
				never++
				continue
			case o.handled():
				handled++
				continue
			}
			total++
			count[judge(o.arrived.found, o.signed.right(o.sent, o.arrived))]++
			what := strings.Join(o.signed.list(), ", ")
			if said[what] == nil {
				said[what] = make(map[string]int)
			}
			said[what][words(o.arrived.found)]++
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Of %d honest requests through %d proxies and settings, %d were handled, %d did not arrive, and %d were refused. Of those %d, the first line names\nthe cause for **%d (%.1f %%)**, "+
		"says unknown for %d, names something else that is seen for %d, and proves what did not happen for **%d**.\n\n",
		total+handled+never, len(rows), handled, never, total, total, count[named], 100*float64(count[named])/float64(total), count[unknown], count[elsewhere], count[wronglyProven])
	b.WriteString("| what was changed of what is signed | requests | first line |\n|---|---|---|\n")
	for _, what := range slices.Sorted(maps.Keys(said)) {
		n := 0
		var list []string
		for _, word := range slices.Sorted(maps.Keys(said[what])) {
			n += said[what][word]
			list = append(list, fmt.Sprintf("%s %d", word, said[what][word]))
		}
		fmt.Fprintf(&b, "| %s | %d | %s |\n", what, n, strings.Join(list, ", "))
	}
	return b.String()
}

func requestsTable() string {
	var b strings.Builder
	b.WriteString("| signs | senders |\n|---|---|\n")
	for _, signs := range []string{signsBody, signsURL, signsWhole, signsMessage, signsNothing} {
		var names []string
		for _, s := range senders() {
			if s.signs == signs {
				names = append(names, s.name)
			}
		}
		fmt.Fprintf(&b, "| %s | %s |\n", signs, strings.Join(names, "; "))
	}
	return b.String()
}
