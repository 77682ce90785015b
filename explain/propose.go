package explain

import (
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/hookonce/hookonce/core"
)

const (
	// maxHeads bounds the ways to read the headers and the address. Each is
	// read again for every body.
	maxHeads = 128
	// maxHeader bounds, in bytes, a header value from which variants are made.
	maxHeader = 16 << 10
	// The verifier reads only its own headers, so it accepts requests beyond
	// these bounds. No sender sends such requests. maxNames bounds the header
	// names and maxValues the values of one header. maxHeaders bounds the bytes
	// of all headers, and maxTarget those of the request's URL.
	maxNames   = 128
	maxValues  = 16
	maxHeaders = 64 << 10
	maxTarget  = 4 << 10
)

// scene is the material of proposals: one refused request and its receiver. It
// does not change, except for results that are computed once and kept.
//
// The code in the files propose_*.go undoes mistakes and calls no key. A
// signature decides whether a proposal is right, so proposals may be generous.
type scene struct {
	// req is the request. Its header is an http.Header, without the headers
	// that bound removed.
	req core.Request
	// tenants holds the keys of other tenants, by name.
	tenants map[string]*core.Keys
	// config is the verifier's configuration, with its defaults filled in.
	config core.Config
	scheme core.Scheme
	facts  core.Facts
	// now is the verifier's clock, read once: all texts agree on the age of a
	// message.
	now time.Time
	// secrets are the configured secrets, with their ids and validity.
	secrets []core.Secret
	// more is how many bytes the headers and the address have beyond the usual
	// size.
	more int
	// cut says that bound removed headers or a part of the address.
	cut bool

	// named and theirs keep the results of namedProviders and foreign. They are
	// nil before the first call.
	named, theirs []string
}

// newScene returns the scene of a request and its inspection. It omits keys
// that came with an error, because the verifier does not use them either.
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

// bound removes headers and a part of the address if they are absurdly large,
// because each byte costs work in every reading of the request. It keeps the
// headers that the configured scheme reads.
func (s *scene) bound() {
	if len(s.req.URL) > maxTarget {
		s.req.URL, s.cut = s.req.URL[:maxTarget], true
	}
	h := asMap(s.req.Header)
	size, most := headerSize(h)
	// Exceeding one of the bounds is enough: no webhook sender does that.
	if len(h) > maxNames || most > maxValues || size > maxHeaders {
		s.req.Header, s.cut = s.needed(), true
		size, _ = headerSize(asMap(s.req.Header))
	}
	// Trials include the cost of headers of this size, in bytes.
	const usual = 2 << 10
	s.more = max(size+len(s.req.URL)-usual, 0)
}

// needed returns the headers that the configured scheme reads, within the
// bounds. Values are truncated to one byte more than maxHeader, so that they
// still count as too long.
func (s *scene) needed() http.Header {
	h, kept := asMap(s.req.Header), http.Header{}
	// The other three headers are read by proposals and observations.
	for _, name := range append(reads(s.facts, h), "Content-Length", "Content-Type", "Content-Encoding") {
		for _, v := range h[name][:min(len(h[name]), maxValues)] {
			kept[name] = append(kept[name], v[:min(len(v), maxHeader+1)])
		}
	}
	return kept
}

// asMap returns all lines of a header. The header of a scene is a map already,
// and is returned without a copy: do not change it.
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

// lane is one scheme under which the request may have been signed, with its
// ways to read the request and the secrets.
type lane struct {
	// steps name the other scheme. They are empty for the configured scheme.
	steps []step
	// heads come with the fewest steps first.
	heads []head
	// keys come with the lowest weight first, which try relies on.
	keys []key

	// inside says that the scheme reads the body, which costs work.
	inside bool
}

// weight counts guessed mistakes, not visible ones. A scheme other than the
// configured one is a guess.
func (l *lane) weight() int { return len(l.steps) }

// head is one way to read a request apart from its body: under a scheme, with
// headers and address as they may have been sent.
type head struct {
	// scheme reads the request. It differs from the lane's scheme if it signs
	// another address.
	scheme core.Scheme
	facts  core.Facts
	// req has the changed headers and address, and no body.
	req core.Request
	// steps are the mistakes undone. swaps are the resulting changes to the
	// signed content.
	steps []step
	swaps []swap
	// weight is the number of steps that are guesses.
	weight int
	// whole says that no value needs cleaning. Then a signature that is too
	// short was truncated.
	whole bool
	// asSent says that the digest counts as it was sent, even if the body has
	// another one.
	asSent bool
}

// swap replaces, in the signed content, a text that the scheme can read with
// the text that the sender signed.
type swap struct{ read, signed string }

// with returns a copy of h with a header changed; nil values delete it. The map
// is copied and the value slices are shared, so callers must not change slices
// in place.
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

// key is a parsed key, with the mistakes that were undone in its text.
type key struct {
	// name identifies a configured key in texts, by its id or number. It is
	// empty for keys of other tenants.
	name string
	// text is the secret after its mistakes were undone.
	text   string
	steps  []step
	weight int
	// verify is the parsed key. mac says that it is a shared secret.
	verify core.VerifyKey
	mac    bool
	// forge computes the right signature, to compare it with damaged ones. It
	// is nil if that is not possible or not needed.
	forge func(c *core.Content) string
	// A key outside its validity period is tried too: see validity.
	notBefore time.Time
	notAfter  time.Time
}

// headerSize counts the bytes of all headers, and the values of the header that
// has the most.
func headerSize(h http.Header) (bytes, most int) {
	for name, values := range h {
		// The name is on the wire once for each value.
		most = max(most, len(values))
		for _, v := range values {
			bytes += len(name) + len(v)
		}
	}
	return bytes, most
}
