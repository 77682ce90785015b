package senders

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/schemes"
)

// Candidate names the senders that a request may come from.
type Candidate struct {
	// Names has several entries if the headers do not distinguish the senders.
	Names []string `json:"names"`
	// Headers are the headers that point to these senders.
	Headers []string `json:"headers"`
}

// Guesser guesses senders from headers. Create one with [NewGuesser].
type Guesser struct{ known []named }

type named struct {
	name   string
	scheme core.Scheme
	facts  core.Facts
}

// NewGuesser returns a Guesser. It creates each scheme of the registry once.
func NewGuesser() *Guesser {
	g := new(Guesser)
	for _, name := range schemes.Names() {
		if s := scheme(name); s != nil {
			g.known = append(g.known, named{name, s, core.FactsOf(s)})
		}
	}
	return g
}

// Guess returns the likely senders of a request with these headers, best first.
// These are the senders whose scheme can read a signature in the headers. A
// header that names its sender counts most, then the number of headers, then
// how few senders have them. Guess omits schemes that accept any Authorization
// header. It also omits schemes whose signature is in the body, unless a header
// names the sender.
func (g *Guesser) Guess(header http.Header) []Candidate {
	type found struct {
		Candidate

		score int
	}
	// Svix and Hook0 send on behalf of others, but their headers name Svix and Hook0.
	brands := slices.DeleteFunc(Named(header), func(c Candidate) bool { return c.Names[0] == "svix" || c.Names[0] == "hook0" })
	var all []found
	for i := range g.known {
		known := &g.known[i]
		by := known.signedIn(header)
		score := len(by)
		if i := slices.IndexFunc(brands, func(c Candidate) bool { return c.Names[0] == known.name }); i >= 0 && (score > 0 || len(known.facts.Headers) == 0) {
			by = append(by, brands[i].Headers...)
			slices.Sort(by)
			by = slices.Compact(by)
			score = 100 + len(by)
		}
		if score == 0 {
			continue
		}
		i := slices.IndexFunc(all, func(f found) bool { return f.score == score && slices.Equal(f.Headers, by) })
		if i < 0 {
			all = append(all, found{Candidate{Headers: by}, score})
			i = len(all) - 1
		}
		all[i].Names = append(all[i].Names, known.name)
	}
	// Among equals, the headers that fewer senders have say more.
	slices.SortStableFunc(all, func(a, b found) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(len(a.Names), len(b.Names)))
	})
	candidates := make([]Candidate, len(all))
	for i := range all {
		candidates[i] = all[i].Candidate
	}
	return candidates
}

// signedIn returns the headers from which the scheme reads a signature. It
// returns none if the scheme cannot read a signature, or if any request may
// have these headers.
func (n *named) signedIn(header http.Header) []string {
	a := new(core.Attempt)
	if n.scheme.ReadHeader(&core.Request{Method: http.MethodPost, URL: "/hook", Header: header}, a) != nil || len(a.Signatures) == 0 {
		return nil
	}
	var most []string
	for _, family := range n.facts.Headers {
		var there []string
		for _, name := range family {
			if len(header[name]) > 0 {
				there = append(there, name)
			}
		}
		if len(there) > len(most) {
			most = there
		}
	}
	if n.scheme.Stamping() == core.NotIdentified && slices.Equal(most, []string{"Authorization"}) {
		return nil
	}
	slices.Sort(most)
	return most
}

// Named returns the senders that header names such as X-GitHub-Event point to,
// one in each candidate.
func Named(header http.Header) []Candidate {
	known := schemes.Names()
	var all []Candidate
	index := func(name string) int {
		return slices.IndexFunc(all, func(c Candidate) bool { return c.Names[0] == name })
	}
	for _, h := range slices.Sorted(maps.Keys(header)) {
		name := wordOf(h)
		if !slices.Contains(known, name) {
			continue
		}
		if i := index(name); i >= 0 {
			all[i].Headers = append(all[i].Headers, h)
		} else {
			all = append(all, Candidate{[]string{name}, []string{h}})
		}
	}
	// Some senders also send the headers of another sender, for receivers written for that sender.
	for _, copies := range []struct{ copier, of string }{{"gitea", "gogs"}, {"gitea", "github"}, {"gogs", "github"}} {
		if index(copies.copier) >= 0 {
			all = slices.DeleteFunc(all, func(c Candidate) bool { return c.Names[0] == copies.of })
		}
	}
	return all
}

// wordOf returns the word with which a sender begins its header names.
func wordOf(header string) string {
	name := strings.ToLower(header)
	switch {
	case strings.HasPrefix(name, "x-amz-sns-"):
		return "sns"
	case strings.HasPrefix(name, "x-hub-"): // from WebSub, which many senders follow
		return ""
	}
	word, _, more := strings.Cut(strings.TrimPrefix(name, "x-"), "-")
	if !more || hosts(word) && !strings.HasSuffix(name, "-signature") {
		return ""
	}
	return word
}

// hosts reports whether a sender also hosts other people's endpoints. Such a
// host adds its own headers to every request that those endpoints receive.
func hosts(word string) bool {
	return slices.Contains([]string{"heroku", "netlify", "render", "vercel"}, word)
}
