package proxies_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"slices"
	"strings"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/explain"
)

// changes are the parts of a request that did not arrive as they were sent.
type changes struct {
	method, path, query, body bool
	lost, altered             []string // headers
}

func (c *changes) list() []string {
	var all []string
	for _, part := range []struct {
		name string
		is   bool
	}{{"method", c.method}, {"path", c.path}, {"query", c.query}, {"body", c.body}} {
		if part.is {
			all = append(all, part.name)
		}
	}
	for _, name := range c.altered {
		all = append(all, "`"+name+"`")
	}
	for _, name := range c.lost {
		all = append(all, "`"+name+"` lost")
	}
	return all
}

// compare finds what arrived in another way than it was sent.
func compare(sent *core.Request, a *arrival) changes {
	path, query, asked := strings.Cut(sent.URL, "?")
	gotPath, gotQuery, gotAsked := strings.Cut(a.target, "?")
	c := changes{
		method: a.method != sent.Method, path: gotPath != path, query: gotQuery != query || gotAsked != asked,
		body: !bytes.Equal(a.body, sent.Body),
	}
	for name, values := range headers(sent) {
		switch got := a.header.Values(name); {
		case name == "Expect": // it is for the next hop
		case len(got) == 0:
			c.lost = append(c.lost, name)
		case !slices.Equal(got, values):
			c.altered = append(c.altered, name)
		}
	}
	slices.Sort(c.lost)
	slices.Sort(c.altered)
	return c
}

// signed leaves of the changes those of what the sender signs, or the scheme reads.
func (c *changes) signed(s *sender, read []string) changes {
	left := *c
	unread := func(name string) bool {
		return !slices.Contains(read, name) && (name != "Content-Type" || s.signs != signsMessage)
	}
	left.lost, left.altered = slices.DeleteFunc(slices.Clone(c.lost), unread), slices.DeleteFunc(slices.Clone(c.altered), unread)
	url := s.signs == signsURL || s.signs == signsMessage
	left.path, left.query = c.path && url, c.query && (url || s.signs == signsWhole || s.signs == signsParameter)
	left.body, left.method = c.body && s.signs != signsNothing && s.signs != signsParameter, c.method && s.signs != signsNothing
	return left
}

// right are the words that name the changes truly. A POST that became a GET lost its
// body and Content-Type by that, so they are no names for it.
func (c *changes) right(sent *core.Request, a *arrival) []explain.Mistake {
	var words []explain.Mistake
	if c.path || c.query {
		words = append(words, "url")
	}
	if c.method {
		return append(words, "method")
	}
	if c.body {
		words = append(words, bodyWords(sent, a.body)...)
	}
	if len(c.lost) > 0 {
		words = append(words, "header-missing")
	}
	for _, name := range c.altered {
		words = append(words, headerWords(headers(sent)[name], a.header[name])...)
	}
	return words
}

// headerWords are the words for what became of the lines of a header.
func headerWords(sent, got []string) []explain.Mistake {
	bare := func(lines []string) string {
		return strings.NewReplacer(" ", "", "\t", "", `"`, "").Replace(strings.Join(lines, ","))
	}
	before, after := bare(sent), bare(got)
	switch {
	case before == after: // other lines, spaces or quotes
		return []explain.Mistake{"header-folded"}
	case after == before+","+before:
		return []explain.Mistake{"header-duplicated"}
	case len(got) < len(sent): // a line of it
		return []explain.Mistake{"header-missing"}
	case strings.HasPrefix(before, after):
		return []explain.Mistake{"signature-cut"}
	}
	return nil
}

// bodyWords are the words for what became of a body.
func bodyWords(sent *core.Request, got []byte) []explain.Mistake {
	body := sent.Body
	var words []explain.Mistake
	switch encoded := sent.Header.Get("Content-Encoding") != ""; {
	case len(got) == 0:
		return []explain.Mistake{"body-consumed"}
	case bytes.HasPrefix(body, got):
		return []explain.Mistake{"body-truncated"}
	case encoded && !bytes.HasPrefix(got, body[:2]):
		words = append(words, "body-decompressed")
		body = unsqueeze(body)
	case !json.Valid(body):
		return []explain.Mistake{"body-form"}
	}
	before, after := jsonTokens(body), jsonTokens(got)
	if space(body) != space(got) {
		words = append(words, "body-reformatted")
	}
	if bytes.Count(body, []byte(`\`)) != bytes.Count(got, []byte(`\`)) {
		words = append(words, "body-escapes")
	}
	if !slices.Equal(before.numbers, after.numbers) {
		words = append(words, "body-numbers")
	}
	if !slices.Equal(before.strings, after.strings) {
		slices.Sort(before.strings)
		slices.Sort(after.strings)
		if slices.Equal(before.strings, after.strings) {
			words = append(words, "body-key-order")
		}
	}
	return words
}

func unsqueeze(body []byte) []byte {
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil
	}
	plain, _ := io.ReadAll(z)
	return plain
}

// space counts the white space between the tokens of JSON.
func space(text []byte) int {
	var b bytes.Buffer
	if err := json.Compact(&b, text); err != nil {
		return -1
	}
	return len(text) - b.Len()
}

type tokens struct{ numbers, strings []string }

func jsonTokens(text []byte) (all tokens) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	for {
		switch token, err := d.Token(); token := token.(type) {
		case json.Number:
			all.numbers = append(all.numbers, token.String())
		case string:
			all.strings = append(all.strings, token)
		default:
			if err != nil {
				return all
			}
		}
	}
}

// judgement is how well an explanation names what happened.
type judgement int

const (
	named         judgement = iota
	unknown                 // it says that it does not know
	elsewhere               // it names something else, not as proven
	wronglyProven           // it proves something that did not happen
)

// judge goes by the first line alone.
func (o *outcome) judge() judgement {
	first, right := firstLine(o.arrived.found), o.signed.right(o.sent, o.arrived)
	untrue := func(f explain.Finding) bool { return !slices.Contains(right, f.Mistake) }
	switch {
	case len(first) == 0 || first[0].Mistake == "unknown":
		return unknown
	case !slices.ContainsFunc(first, untrue):
		return named
	case first[0].Proven:
		return wronglyProven
	default:
		return elsewhere
	}
}

// firstLine are the findings of the first line: the proven ones, or the likeliest.
func firstLine(e explain.Explanation) []explain.Finding {
	n := min(1, len(e.Findings))
	for n < len(e.Findings) && e.Findings[0].Proven && e.Findings[n].Proven {
		n++
	}
	return e.Findings[:n]
}

// words are those of the first line.
func words(e explain.Explanation) string {
	var all []string
	for _, f := range firstLine(e) {
		all = append(all, "`"+string(f.Mistake)+"`")
	}
	text := strings.Join(all, " and ")
	if len(all) > 0 && e.Findings[0].Proven {
		text += " (proven)"
	}
	return text
}
