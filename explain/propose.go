package explain

import (
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/hookonce/hookonce/core"
)

const (
	maxHeads   = 128
	maxHeader  = 16 << 10 // bytes of a value that variants are made of
	maxNames   = 128      // of headers
	maxValues  = 16       // of one header
	maxHeaders = 64 << 10 // bytes of all of them
	maxTarget  = 4 << 10  // bytes of the request's URL
)

// scene is what proposals are made of: one refused request and its receiver. It
// does not change, but for what is found once and kept.
//
// Everything in the files propose_*.go undoes mistakes and asks no key: what
// comes out is judged by whether a signature fits.
type scene struct {
	req     core.Request          // what is searched; it may be less than what was received
	tenants map[string]*core.Keys // others
	config  core.Config           // the verifier's
	scheme  core.Scheme
	facts   core.Facts
	now     time.Time
	secrets []core.Secret
	more    int  // bytes of headers and address beyond the usual
	cut     bool // something of headers or address was left out

	named, theirs []string // of namedProviders and foreign, once they were asked
}

func newScene(i core.Inspection, r *core.Request, others map[string]*core.Keys) *scene {
	s := &scene{
		req: *r, tenants: others, config: i.Config, scheme: i.Config.Scheme, facts: core.FactsOf(i.Config.Scheme), now: i.Config.Clock(),
	}
	if i.KeysErr == nil {
		s.secrets = i.Keys.List()
	}
	s.req.Header = asMap(s.req.Header)
	s.bound()
	return s
}

// bound leaves out what no sender sends: each header costs something for each
// way to read the request.
func (s *scene) bound() {
	if len(s.req.URL) > maxTarget {
		s.req.URL, s.cut = s.req.URL[:maxTarget], true
	}
	h := asMap(s.req.Header)
	size, most := headerSize(h)
	if len(h) > maxNames || most > maxValues || size > maxHeaders {
		s.req.Header, s.cut = s.needed(), true
		size, _ = headerSize(asMap(s.req.Header))
	}
	const usual = 2 << 10
	s.more = max(size+len(s.req.URL)-usual, 0)
}

// needed are the headers that the configured scheme reads, as much of them as
// is looked at.
func (s *scene) needed() http.Header {
	h, kept := asMap(s.req.Header), http.Header{}
	for _, name := range append(reads(s.facts, h), "Content-Length", "Content-Type", "Content-Encoding") {
		for _, v := range h[name][:min(len(h[name]), maxValues)] {
			kept[name] = append(kept[name], v[:min(len(v), maxHeader+1)])
		}
	}
	return kept
}

// asMap returns all lines of a header. That of a search is a map already, which
// is not copied.
func asMap(h core.Header) http.Header {
	switch m, ok := h.(http.Header); {
	case h == nil, ok && m == nil:
		return make(http.Header)
	case ok:
		return m
	default:
		return h.Clone()
	}
}

// lane is one scheme under which the request may have been signed, with the
// ways to read it.
type lane struct {
	steps []step
	heads []head // the fewest steps first
	keys  []key  // likewise

	inside bool // the scheme looks into the body
}

// candidate weights count the mistakes that are not seen but guessed.
func (l *lane) weight() int { return len(l.steps) }

// head is one way to read a request apart from its body: under a scheme, with
// headers and address as they may have been.
type head struct {
	scheme core.Scheme
	facts  core.Facts
	req    core.Request
	steps  []step
	swaps  []swap
	weight int
	whole  bool // nothing was put into a value, so that one that ends early was cut
	asSent bool // the digest counts that was sent, and the body need not be the one with it
}

// swap puts into the signed content what the sender signed, for a text that its
// scheme would not read.
type swap struct{ read, signed string }

// with is h with a header changed.
func (h *head) with(name string, values []string, m Mistake, what string) head {
	n := *h
	n.req.Header = maps.Clone(asMap(h.req.Header))
	if values == nil {
		delete(asMap(n.req.Header), name)
	} else {
		asMap(n.req.Header)[name] = values
	}
	n.steps = append(slices.Clone(h.steps), step{m, what})
	return n
}

// key is a key with the mistakes that were undone in its text.
type key struct {
	name      string
	text      string
	steps     []step
	weight    int
	verify    core.VerifyKey
	mac       bool
	forge     func(c *core.Content) string // the right signature, for comparison with damaged ones; may be nil
	notBefore time.Time
	notAfter  time.Time
}

// headerSize counts the bytes of all headers, and the values of the one that
// has most.
func headerSize(h http.Header) (bytes, most int) {
	for name, values := range h {
		most = max(most, len(values))
		for _, v := range values {
			bytes += len(name) + len(v)
		}
	}
	return bytes, most
}
