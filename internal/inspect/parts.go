package inspect

import (
	"cmp"
	"slices"
	"strings"

	"github.com/hookonce/hookonce/core"
)

// part is a piece of the signed text and its origin.
type part struct {
	Label string `json:"label"`
	Text  string `json:"text"`
	Bytes int    `json:"bytes"`
	Cut   bool   `json:"cut,omitempty"`
}

const maxPart = 4 << 10 // bytes that are shown

// parts splits the signed text into the parts of the request that it contains.
// a was read from r.
func parts(r *core.Request, a *core.Attempt, names []string, url string, m mask) []part {
	known := origins(r, a, names, url)
	var content strings.Builder
	_, _ = a.Content.WriteTo(&content) // not Bytes, which writes to memory that other goroutines may read
	text := content.String()
	var all []part
	add := func(label, piece string) {
		if piece == "" {
			return
		}
		masked := m.text(piece) // mask before the cut, which may split a secret
		shown := whole(masked[:min(len(masked), maxPart)])
		all = append(all, part{label, visible(shown), len(piece), len(shown) < len(masked)})
	}
	from := 0
	for at := 0; at < min(len(text), maxSearched) && len(all) < maxParts; {
		i := slices.IndexFunc(known, func(o origin) bool { return strings.HasPrefix(text[at:], o.text) })
		if i < 0 {
			at++
			continue
		}
		add(between(text[from:at]), text[from:at])
		add(known[i].label, known[i].text)
		at += len(known[i].text)
		from = at
	}
	add(between(text[from:]), text[from:])
	return all
}

// The bounds of the work: anyone can send long headers.
const (
	maxParts    = 60
	maxSearched = 64 << 10 // bytes in which parts may begin
	maxOrigins  = 256
)

// between labels text that is not part of the request.
func between(text string) string {
	if len(text) <= 2 {
		return "separator"
	}
	return "text"
}

type origin struct{ label, text string }

// origins returns the parts of a request that a sender may sign, the longest
// first.
func origins(r *core.Request, a *core.Attempt, names []string, url string) []origin {
	all := []origin{{"body", string(r.Body)}}
	h := lines(r)
	for _, name := range names {
		for _, value := range h.Values(name) {
			all = append(all, origin{name, value})
			for token := range strings.FieldsFuncSeq(value, func(c rune) bool { return strings.ContainsRune(",;= ", c) }) {
				all = append(all, origin{"from " + name, token})
			}
		}
	}
	path, query, _ := strings.Cut(r.URL, "?")
	all = append(all, origin{"message id", a.ID}, origin{"address", url}, origin{"address", r.URL}, origin{"path", path}, origin{"query", query},
		origin{"method", r.Method}, origin{"host", r.Host})
	all = slices.DeleteFunc(all, func(o origin) bool { return len(o.text) < 2 })
	slices.SortStableFunc(all, func(a, b origin) int { return cmp.Compare(len(b.text), len(a.text)) })
	return all[:min(len(all), maxOrigins)]
}
