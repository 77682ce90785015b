package proxies_test

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
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
	if t.Failed() && *update {
		return
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	fell(t, text, rows)
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

// byShape groups the shapes of requests under words, in the order in which both
// come.
type byShape struct {
	words  []string
	shapes map[string][]string // of which the word is true
	of     map[string][]string // of which it might be
}

// note says whether a word is true of a shape.
func (b *byShape) note(word, shape string, is bool) {
	if b.shapes == nil {
		b.shapes, b.of = make(map[string][]string), make(map[string][]string)
	}
	if !slices.Contains(b.of[word], shape) {
		b.of[word] = append(b.of[word], shape)
	}
	if !is || slices.Contains(b.shapes[word], shape) {
		return
	}
	if b.shapes[word] == nil {
		b.words = append(b.words, word)
	}
	b.shapes[word] = append(b.shapes[word], shape)
}

// String has the words of the same shapes together.
func (b *byShape) String() string {
	var order []string
	words := make(map[string][]string) // by shapes
	for _, word := range b.words {
		list := b.list(word)
		if words[list] == nil {
			order = append(order, list)
		}
		words[list] = append(words[list], word)
	}
	all := make([]string, 0, len(order))
	for _, list := range order {
		all = append(all, some(words[list])+": "+list)
	}
	return orNothing(strings.Join(all, "<br>"))
}

// some names a few of many.
func some(words []string) string {
	const few = 5
	if len(words) > few+1 {
		return strings.Join(words[:few], ", ") + " and " + strconv.Itoa(len(words)-few) + " more"
	}
	return strings.Join(words, ", ")
}

// list is short where a word is true of all that it might be true of, or of most.
func (b *byShape) list(word string) string {
	var not []string
	for _, shape := range b.of[word] {
		if !slices.Contains(b.shapes[word], shape) {
			not = append(not, shape)
		}
	}
	switch {
	case len(not) == 0:
		return "all"
	case len(not) < 4 && len(not) < len(b.shapes[word]):
		return "all but " + strings.Join(not, ", ")
	}
	return strings.Join(b.shapes[word], ", ")
}

func orNothing(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

func changesTable(rows []row) string {
	var b strings.Builder
	b.WriteString("| proxy | setting | arrives changed | refused, by what is signed | `explain` says | cure |\n|---|---|---|---|---|---|\n")
	for i := range rows {
		r := &rows[i]
		said := make(map[string]bool)
		for j := range r.outcomes {
			if o := &r.outcomes[j]; o.refused() {
				said[words(o.arrived.found)] = true
			}
		}
		cure := r.cure
		if len(r.but) > 0 {
			cure += ", but for " + strings.Join(r.but, ", ")
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", r.name, r.setting, r.changes(), r.refusals(),
			orNothing(strings.Join(slices.Sorted(maps.Keys(said)), "<br>")), orNothing(cure))
	}
	return b.String()
}

// changes says what arrives in another way than it was sent.
func (r *row) changes() *byShape {
	var changed byShape
	for i := range r.outcomes {
		o := &r.outcomes[i]
		if o.arrived == nil {
			continue
		}
		list := o.changed.list()
		for _, part := range []string{"method", "path", "query", "body"} {
			changed.note(part, o.shape, slices.Contains(list, part))
		}
		for _, name := range slices.Sorted(maps.Keys(headers(o.sent))) {
			altered, lost := slices.Contains(o.changed.altered, name), slices.Contains(o.changed.lost, name)
			changed.note("`"+name+"`", o.shape, altered)
			changed.note("`"+name+"` lost", o.shape, lost)
		}
	}
	return &changed
}

// refusals says who is refused: all that sign the same, or senders by name.
func (r *row) refusals() *byShape {
	type which struct{ signs, shape string }
	refused, sent := make(map[which][]string), make(map[which][]string) // names of senders
	for i := range r.outcomes {
		o := &r.outcomes[i]
		if o.arrived == nil {
			continue
		}
		w := which{o.sender.signs, o.shape}
		if !slices.Contains(sent[w], o.sender.name) {
			sent[w] = append(sent[w], o.sender.name)
		}
		if o.refused() && !slices.Contains(refused[w], o.sender.name) {
			refused[w] = append(refused[w], o.sender.name)
		}
	}
	var who byShape
	for _, signs := range kinds() {
		for _, s := range shapes() {
			w := which{signs, s.name}
			if len(sent[w]) == 0 {
				continue
			}
			handled := slices.DeleteFunc(slices.Clone(sent[w]), func(name string) bool { return slices.Contains(refused[w], name) })
			kind := "**" + signs + "**"
			who.note(kind, s.name, len(handled) == 0)
			most := len(handled) > 0 && len(handled) <= 3 && len(handled) < len(refused[w])
			if most {
				who.note(kind+" but for "+strings.Join(handled, ", "), s.name, true)
			}
			for _, name := range sent[w] {
				who.note(name, s.name, !most && len(handled) > 0 && slices.Contains(refused[w], name))
			}
		}
		for _, word := range who.words { // what is true of no other shape
			if strings.HasPrefix(word, "**"+signs+"** but for ") {
				for _, s := range shapes() {
					who.note(word, s.name, false)
				}
			}
		}
	}
	return &who
}

// kinds are what senders sign, in the order of the page.
func kinds() []string {
	return []string{signsBody, signsValues, signsParameter, signsURL, signsWhole, signsMessage, signsNothing}
}

func responsesTable(rows []row) string {
	var b strings.Builder
	b.WriteString("| proxy | setting | the sender is told |\n|---|---|---|\n")
	for i := range rows {
		r := &rows[i]
		var told byShape
		for j := range r.outcomes {
			if o := &r.outcomes[j]; !r.later {
				if text := o.told(); text != "" {
					told.note(text, o.shape, true)
				}
			}
		}
		if len(told.words) > 0 {
			for _, word := range told.words {
				for _, s := range shapes() {
					told.note(word, s.name, false)
				}
			}
			fmt.Fprintf(&b, "| %s | %s | %s |\n", r.name, r.setting, &told)
		}
	}
	return b.String()
}

// told is what the sender is told by the proxy itself, or against the truth; empty
// if neither.
func (o *outcome) told() string {
	status := strconv.Itoa(o.status) + " " + http.StatusText(o.status)
	switch o.status {
	case closed:
		status = "the connection is closed"
	case hangs:
		status = "no response"
	}
	switch success := o.status/100 == 2; {
	case o.arrived == nil && success:
		return "**" + status + "** from the cache, and the message is lost"
	case o.arrived == nil:
		return status
	case o.handled() && !success:
		return "**" + status + "**, but the message was handled"
	case o.refused() && success:
		return "**" + status + "**, but the message was refused"
	}
	return ""
}

// share is how much of what was refused is named rightly on the first line, as the
// page has it.
var share = regexp.MustCompile(`\*\*\d+ \(([0-9.]+) %\)\*\*`)

// fell reports a share that is lower than that of the page, or than 95 %.
func fell(t *testing.T, text []byte, rows []row) {
	t.Helper()
	was := 95.0
	if before := share.FindSubmatch(text); before != nil { // nil: the first time
		var err error
		if was, err = strconv.ParseFloat(string(before[1]), 64); err != nil {
			t.Fatal(err)
		}
	}
	after := share.FindStringSubmatch(explainTable(rows))
	if is, err := strconv.ParseFloat(after[1], 64); err != nil || is < max(was, 95) {
		t.Errorf("explain names %.1f %% rightly, and %.1f %% before: it must not fall", is, was)
	}
}

// explainTable counts how well the first line names what happened.
func explainTable(rows []row) string {
	var count [wronglyProven + 1]int
	refused, handled, stopped := 0, 0, 0
	said := make(map[string]map[string]int) // by what was changed
	for i := range rows {
		for j := range rows[i].outcomes {
			o := &rows[i].outcomes[j]
			switch {
			case o.handled():
				handled++
			case o.arrived == nil:
				stopped++
			default:
				refused++
				count[o.judge()]++
				what := strings.Join(o.signed.list(), ", ")
				if said[what] == nil {
					said[what] = make(map[string]int)
				}
				said[what][words(o.arrived.found)]++
			}
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "| requests through %d settings | %d |\n|---|---|\n", len(rows), refused+handled+stopped)
	fmt.Fprintf(&b, "| handled | %d |\n| stopped by the proxy | %d |\n| refused, although honestly signed | %d |\n", handled, stopped, refused)
	fmt.Fprintf(&b, "| of those: named rightly on the first line | **%d (%.1f %%)** |\n", count[named], 100*float64(count[named])/float64(max(refused, 1)))
	fmt.Fprintf(&b, "| called `unknown` | %d |\n| something else named, as seen | %d |\n| something else named, as proven | %d |\n\n", count[unknown], count[elsewhere], count[wronglyProven])
	b.WriteString("| changed, of what is signed | requests | first line |\n|---|---|---|\n")
	for _, what := range slices.Sorted(maps.Keys(said)) {
		n := 0
		var list []string
		for _, word := range slices.Sorted(maps.Keys(said[what])) {
			n += said[what][word]
			list = append(list, fmt.Sprintf("%s: %d", word, said[what][word]))
		}
		fmt.Fprintf(&b, "| %s | %d | %s |\n", what, n, strings.Join(list, "<br>"))
	}
	return b.String()
}

func requestsTable() string {
	var b strings.Builder
	b.WriteString("| signs | senders of all requests | senders of some |\n|---|---|---|\n")
	for _, signs := range kinds() {
		var all, brief []string
		for i := range senders() {
			switch s := &senders()[i]; {
			case s.signs != signs:
			case s.brief():
				brief = append(brief, s.name)
			default:
				all = append(all, s.name)
			}
		}
		list := orNothing(strings.Join(brief, ", "))
		if len(brief) > 8 {
			list = strconv.Itoa(len(brief)) + " names: the others of [the registry](providers.md)"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", signs, orNothing(strings.Join(all, ", ")), list)
	}
	left := registered()
	fmt.Fprintf(&b, "\nNot sent are the names that only their sender can sign, with a private key (discord and rfc9421 stand for them): %s;\n"+
		"and those that send a token (the one in `Authorization` stands for them): %s.\n", strings.Join(left.private, ", "), strings.Join(left.tokens, ", "))
	return b.String()
}
