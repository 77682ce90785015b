package explain

// How an explanation is found, and where to change it:
//
//  1. propose_*.go: a scene is the request and its receiver. It proposes heads (ways to read
//     headers and address), keys (ways to read a secret) and changes (ways to undo what was done
//     to a body), each with the mistakes that it undoes. A proposal asks no key and need not be
//     likely: nothing is named because it was proposed.
//  2. judge*.go: a judge reads the request with a head and a body and asks a key. Only that proves
//     anything, and only here is work spent, which judge_work.go counts and bounds.
//  3. search.go: what is tried in which order, the fewest mistakes first.
//  4. observe*.go: if nothing was proven, what the request shows without a proof. An observation
//     names a mistake only if a request without that mistake would look different; it never says
//     that a secret is wrong.
//  5. mistakes.go: the words, and what to do about each.
//
// A new mistake needs a word in mistakes.go, a proposal or an observation, a row in a test that
// makes the mistake, and an entry in docs/troubleshooting.md if a person can act on it.

import (
	"cmp"
	"context"
	"errors"
	"hash/maphash"
	"slices"
	"strconv"
	"strings"

	"github.com/hookonce/hookonce/core"
)

const (
	deepest    = 2       // mistakes at once, not counting those that can be seen
	deepBudget = 3 << 20 // for more of them
)

// search has what is proposed judged, the fewest mistakes first: each candidate
// is a way to read the request (a head), a body and a key, with some mistakes
// undone in each.
type search struct {
	*scene
	*judge

	verdict error         // the verifier's
	known   []core.Secret // also those that came with an error
	signed  *signed       // what was proven, nil before
}

func newSearch(ctx context.Context, r core.Refused, others map[string]*core.Keys) *search {
	i := r.Verifier.Inspect(ctx, r.Request)
	s := &search{newScene(i, r.Request, others), new(judge), i.Err, i.Keys.List(), nil}
	s.ctx, s.unfinished = ctx, s.cut
	s.reading = readCost * int64(s.more)
	s.total = budgetOf(len(s.req.Body))
	s.limit = s.total
	return s
}

// run tries everything, the fewest mistakes first. At each depth the body as it
// is comes before others, because heads and keys cost nothing to make.
func (s *search) run() []Finding {
	lanes := s.lanes()
	body := s.req.Body
	for i := range lanes {
		prepareForDamage(&lanes[i], body)
		lanes[i].inside = len(lanes[i].heads) > 0 && lanes[i].heads[0].looksInside(body)
	}
	for depth := 0; depth <= deepest && !s.stopped(); depth++ {
		s.limit = s.spent + (s.total-s.spent)/4 // for what needs no other body
		if found := s.sweep(lanes, depth, nil, body); found != nil {
			return found
		}
		s.limit = s.total
		for weight := 1; weight <= depth; weight++ {
			if found := s.sweepBodies(lanes, depth, weight); found != nil {
				return found
			}
		}
		if depth == 1 {
			if found := s.orders(lanes, body); found != nil {
				return found
			}
		}
	}
	if found := s.deeper(lanes); found != nil {
		return found
	}
	return s.digests(lanes)
}

// deeper goes on for a little while; what it does not try was never promised.
func (s *search) deeper(lanes []lane) []Finding {
	defer func(was bool) { s.unfinished = was }(s.unfinished)
	s.limit = min(s.total, s.spent+deepBudget)
	if found := s.sweep(lanes, deepest+1, nil, s.req.Body); found != nil {
		return found
	}
	for weight := 1; weight <= deepest; weight++ {
		if found := s.sweepBodies(lanes, deepest+1, weight); found != nil {
			return found
		}
	}
	return nil
}

// sweepBodies tries the bodies of this weight with what makes depth together
// with it.
func (s *search) sweepBodies(lanes []lane, depth, weight int) []Finding {
	var found []Finding
	s.bodies(s.req.Body, weight, func(v []byte, steps []step) bool {
		found = s.sweep(lanes, depth-weight, steps, v)
		return found == nil && !s.stopped()
	})
	return found
}

// sweep tries one body with all heads and keys that have together this weight.
func (s *search) sweep(lanes []lane, weight int, undone []step, body []byte) []Finding {
	for i := range lanes {
		l := &lanes[i]
		rest := weight - l.weight()
		for j := range l.heads {
			h := &l.heads[j]
			if h.weight > rest {
				continue
			}
			if p := s.try(l, h, body, rest-h.weight); p != nil {
				steps := slices.Concat(l.steps, h.steps, p.key.steps, undone, p.signature, s.validity(p.key), s.clock(p.at))
				return s.conclude(newSigned(h, body), steps)
			}
		}
	}
	return nil
}

// conclude names what was undone. If that is nothing, the refusal had another
// reason than what was tried.
func (s *search) conclude(as *signed, steps []step) []Finding {
	if int64(len(s.req.Body)) > s.config.MaxBody {
		steps = append(steps, step{mistake: bodyTooLarge})
	}
	if len(steps) > 0 {
		s.signed = as
		return findings(steps)
	}
	return s.observe(nil)
}

// bodies calls yield with the bodies that are weight mistakes away, each once,
// until it returns false.
func (s *search) bodies(body []byte, weight int, yield func(body []byte, steps []step) bool) {
	seen := seenBodies{maphash.MakeSeed(), map[uint64]bool{}}
	seen.add(body)
	aspects := s.aspects(body)
	offer := func(b []byte, steps []step) bool {
		if b == nil || !s.charge(int64(len(b))/8) || !seen.add(b) {
			return true
		}
		return yield(b, steps)
	}
	if weight == 1 {
		s.singleChanges(aspects, body, offer)
	} else {
		s.pairsOfChanges(aspects, body, offer)
	}
}

// singleChanges offers what comes of each change, the likely and cheap first.
func (s *search) singleChanges(aspects []aspect, body []byte, offer func(b []byte, steps []step) bool) {
	slices.SortStableFunc(aspects, func(a, b aspect) int { return cmp.Compare(a.rank, b.rank) })
	aspects = slices.DeleteFunc(aspects, func(a aspect) bool { return a.again })
	for _, a := range aspects {
		for i := range a.changes {
			c := &a.changes[i]
			if !offer(s.apply(c, body), []step{{c.mistake, c.what}}) || s.stopped() {
				return
			}
		}
	}
}

// pairsOfChanges offers what comes of two changes of different aspects.
func (s *search) pairsOfChanges(aspects []aspect, body []byte, offer func(b []byte, steps []step) bool) {
	for i, first := range aspects {
		for j := range first.changes {
			c := &first.changes[j]
			once := s.apply(c, body)
			if once == nil {
				continue
			}
			for _, second := range aspects[i+1:] {
				for k := range second.changes {
					d := &second.changes[k]
					if !offer(s.apply(d, once), []step{{c.mistake, c.what}, {d.mistake, d.what}}) || s.stopped() {
						return
					}
				}
			}
		}
	}
}

// orders tries every order of members, or of fields of a form, where there are
// few and something seems to have sorted them.
func (s *search) orders(lanes []lane, body []byte) []Finding {
	var found []Finding
	try := func(b []byte, undone step) bool {
		found = s.sweep(lanes, 0, []step{undone}, b)
		return found == nil && !s.stopped()
	}
	if fieldOrders(body, try) {
		return found
	}
	rewrite := func(do func() []byte) []byte {
		if !s.charge(rewriteCost * int64(len(body))) {
			return nil
		}
		return do()
	}
	memberOrders(body, rewrite, func(b []byte, undone []step) bool {
		found = s.sweep(lanes, 0, undone, b)
		return found == nil && !s.stopped()
	})
	return found
}

// seenBodies tells the bodies of one round apart.
type seenBodies struct {
	seed maphash.Seed
	sums map[uint64]bool
}

func (b *seenBodies) add(body []byte) bool {
	sum := maphash.Bytes(b.seed, body)
	if b.sums[sum] {
		return false
	}
	b.sums[sum] = true
	return true
}

// digests tries the request with the digest as it was sent, where the body is
// not the one with it. It comes last: a body that can be had back says more.
func (s *search) digests(lanes []lane) []Finding {
	var changed []lane
	for _, l := range lanes {
		if len(l.heads) == 0 {
			continue
		}
		if _, digest := l.heads[0].read(s.req.Body); !digest {
			continue
		}
		l.heads = slices.Clone(l.heads)
		for i := range l.heads {
			h := &l.heads[i]
			h.asSent, h.steps = true, append(slices.Clone(h.steps), step{mistake: bodyDigest})
		}
		changed = append(changed, l)
	}
	s.limit = min(s.total, s.spent+deepBudget+2*int64(len(s.req.Body)))
	for depth := 0; depth <= deepest && len(changed) > 0; depth++ {
		if found := s.sweep(changed, depth, nil, s.req.Body); found != nil {
			return append(s.observeChange(), found...)
		}
	}
	return nil
}

// unknown carries what the verifier says, with what was tried and what else
// there is to look at before the secret. A request that was refused before its
// signature was compared does not point to a wrong secret at all.
func (s *search) unknown(err error) Finding {
	reason, text := s.say(err)
	if refusal := (*core.Error)(nil); s.verdict != nil && (!errors.As(err, &refusal) || refusal.Detail == "" && refusal.Err == nil) {
		_, text = s.say(s.verdict) // of the log there is only the word
	}
	text = strings.TrimPrefix(text, "hookonce: ")
	if s.facts.Fetches {
		f := step{mistake: notTried}.finding(false)
		if text != "" {
			f.What += "; the verifier says: " + text
		}
		return f
	}
	if reason == core.ErrMalformed || reason == core.ErrMissingHeader || reason == core.ErrOutsideWindow {
		what := text + s.age() + "; no signature was compared, and none of " + strconv.Itoa(s.tried) + " variants tried verifies"
		f := step{unexplained, what}.finding(false)
		f.Remedy, f.Look = "Compare the headers, and what the body holds of id and time, with the sender's documentation: something may have changed them on the way, "+
			"or another sender calls this address.", whereProxy
		return f
	}
	keys := "the key"
	if n := len(s.secrets); n != 1 {
		keys = "any of " + strconv.Itoa(n) + " keys"
	}
	what := "the signature does not match " + keys + " under " + strconv.Itoa(s.tried) + " variants tried"
	if s.tried == 0 {
		what = "the request cannot be read as one of " + s.scheme.Name() + ", so no key was tried"
	}
	// What else there is to look at than the secret, as far as the request shows it.
	if s.facts.URL != "" {
		what += "; the sender signs its address too, so compare " + oneLine(s.hide(s.facts.URL), 256) + " with the one that is registered there"
	}
	what += "; " + text
	if asJavaScript(s.req.Body) {
		what += " (it is JSON exactly as JavaScript writes it: if the sender is not in JavaScript, something may have written it again)"
	}
	return step{unexplained, what}.finding(false)
}

// age says how far a time lies outside of the window that no signature proves.
func (s *search) age() string {
	a := new(core.Attempt)
	r := s.req
	if s.scheme.ReadHeader(&r, a) != nil || a.Timestamp.IsZero() || s.inside(a.Timestamp) {
		return ""
	}
	if ahead := a.Timestamp.Sub(s.now); ahead > 0 {
		return " (it lies " + span(ahead) + " ahead, and " + span(s.config.Future) + " are allowed" + zone(ahead) + ")"
	}
	age := s.now.Sub(a.Timestamp)
	return " (it is " + span(age) + " old, and " + span(s.config.Past) + " are allowed" + zone(age) + ")"
}

// hide takes configured secrets out of a text that is not ours.
func (s *search) hide(text string) string {
	for _, secret := range s.known {
		for _, part := range []string{secret.Reveal(), strings.TrimSpace(secret.Reveal())} {
			if len(part) >= 4 {
				text = strings.ReplaceAll(text, part, "[redacted]")
			}
		}
	}
	return text
}
