package explain

// How an explanation is found, and where to change it:
//
//  1. propose_*.go: a scene is the request and its receiver. It proposes heads (ways to read the
//     headers and the address), keys (ways to read a secret) and changes (ways to undo damage to a
//     body). Each proposal has the mistakes that it undoes. A proposal calls no key and need not be
//     likely: a mistake is not reported just because it was proposed.
//  2. judge*.go: a judge reads the request with a head and a body, and calls a key. Only that is a
//     proof. It is also the expensive part, which judge_work.go counts and bounds.
//  3. search.go: the order in which candidates are tried, fewest mistakes first.
//  4. observe*.go: observations of the request if nothing was proven. An observation names a
//     mistake only if a request without that mistake would look different. It never says that a
//     secret is wrong.
//  5. mistakes.go: the names, and the advice for each.
//
// A new mistake needs a name in mistakes.go, a proposal or an observation, and a row in a test that
// makes the mistake. If a person can act on it, it also needs an entry in docs/troubleshooting.md.

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
	// deepest is how many guessed mistakes are combined at full budget. Visible
	// mistakes, such as quotes around a secret, do not count.
	deepest = 2
	// deepBudget is the work spent on deeper combinations. Three independent
	// guessed mistakes are rare, and the number of combinations grows with
	// each.
	deepBudget = 3 << 20
)

// search chooses which candidates to try, fewest mistakes first. A candidate is
// a head, a body and a key, with some mistakes undone in each. The scene
// proposes, and the judge decides.
type search struct {
	*scene
	*judge

	// verdict is the verifier's own result, or nil if it accepts.
	verdict error
	// known holds all configured secrets, even if the key source also returned
	// an error. They are redacted from texts.
	known []core.Secret
	// signed is the proven request. It is nil before a proof.
	signed *signed
}

// newSearch calls the verifier once and sets the budget. Unusually large
// headers make each reading more expensive, so they are charged for each
// reading (see [work]).
func newSearch(ctx context.Context, r core.Refused, others map[string]*core.Keys) *search {
	i := r.Verifier.Inspect(ctx, r.Request)
	s := &search{newScene(i, r.Request, others), new(judge), i.Err, i.Keys.List(), nil}
	// Headers that scene.bound removed are not tried either.
	s.ctx, s.unfinished = ctx, s.cut
	s.reading = readCost * int64(s.more)
	s.total = budgetOf(len(s.req.Body))
	s.limit = s.total
	return s
}

// run tries all candidates, fewest mistakes first, so that the simplest
// explanation is found. At each depth it tries the unchanged body before
// changed bodies. Heads and keys are cheap to make, but changed bodies must be
// written.
func (s *search) run() []Finding {
	lanes := s.lanes()
	body := s.req.Body
	// Both depend only on the request, so they are determined once.
	for i := range lanes {
		prepareForDamage(&lanes[i], body)
		lanes[i].inside = len(lanes[i].heads) > 0 && lanes[i].heads[0].looksInside(body)
	}
	// Depth 0 finds visible mistakes, and refusals for other reasons.
	for depth := 0; depth <= deepest && !s.stopped(); depth++ {
		// Many headers and keys must not use up the budget for changed bodies: they get a quarter
		// of the rest.
		s.limit = s.spent + (s.total-s.spent)/4
		if found := s.sweep(lanes, depth, nil, body); found != nil {
			return found
		}
		s.limit = s.total
		for weight := 1; weight <= depth; weight++ {
			if found := s.sweepBodies(lanes, depth, weight); found != nil {
				return found
			}
		}
		// Each order of JSON members is one mistake, but there are up to 5,040 candidates. They
		// come after every other single mistake, and before pairs.
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

// deeper tries combinations of three mistakes with a small budget. It restores
// the unfinished flag, because readers do not expect all combinations of three
// to be tried.
func (s *search) deeper(lanes []lane) []Finding {
	defer func(was bool) { s.unfinished = was }(s.unfinished)
	// The unchanged body has the most combinations for the least work.
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

// sweepBodies tries the bodies that are weight mistakes away. Heads and keys
// contribute the remaining depth-weight mistakes.
func (s *search) sweepBodies(lanes []lane, depth, weight int) []Finding {
	var found []Finding
	s.bodies(s.req.Body, weight, func(v []byte, steps []step) bool {
		found = s.sweep(lanes, depth-weight, steps, v)
		return found == nil && !s.stopped()
	})
	return found
}

// sweep tries one body with all heads and keys whose weights sum to exactly
// weight. Smaller sums were tried at smaller depths, so no candidate is tried
// twice.
func (s *search) sweep(lanes []lane, weight int, undone []step, body []byte) []Finding {
	for i := range lanes {
		l := &lanes[i]
		// A lane whose scheme is a guess has already used some of the weight.
		rest := weight - l.weight()
		for j := range l.heads {
			h := &l.heads[j]
			// A head beyond the rest comes at a greater depth.
			if h.weight > rest {
				continue
			}
			if p := s.try(l, h, body, rest-h.weight); p != nil {
				// From the outside in, as a person checks: provider, headers, secret, body,
				// signature, and then the mistakes that depend on the time.
				steps := slices.Concat(l.steps, h.steps, p.key.steps, undone, p.signature, s.validity(p.key), s.clock(p.at))
				return s.conclude(newSigned(h, body), steps)
			}
		}
	}
	return nil
}

// conclude names the mistakes that were undone. If there are none, the
// signature was valid as it arrived, and the refusal had another reason. Only
// an observation can find that reason.
func (s *search) conclude(as *signed, steps []step) []Finding {
	// The search reads a body of any size, but the verifier would still refuse this one.
	if int64(len(s.req.Body)) > s.config.MaxBody {
		steps = append(steps, step{mistake: bodyTooLarge})
	}
	if len(steps) > 0 {
		s.signed = as
		return findings(steps)
	}
	return s.observe(nil)
}

// bodies calls yield with the bodies that are weight mistakes away, until yield
// returns false. Different changes often have the same result, such as trimming
// a space and trimming all white space. Each result is tried once, with the
// first explanation.
func (s *search) bodies(body []byte, weight int, yield func(body []byte, steps []step) bool) {
	seen := seenBodies{maphash.MakeSeed(), map[uint64]bool{}}
	seen.add(body)
	aspects := s.aspects(body)
	// Hashing for the comparison is cheaper than a MAC, so it is charged at an eighth.
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

// singleChanges offers the result of each change, likely and cheap changes
// first: a large body may use up the budget before the last. Aspects marked
// again were already offered at their first occurrence.
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

// pairsOfChanges offers the results of two changes of different aspects, outer
// aspect first. Changes of one aspect exclude each other. All second changes
// share the result of the first, which avoids most of the writing.
func (s *search) pairsOfChanges(aspects []aspect, body []byte, offer func(b []byte, steps []step) bool) {
	for i, first := range aspects {
		for j := range first.changes {
			c := &first.changes[j]
			once := s.apply(c, body)
			if once == nil {
				continue
			}
			// Only later aspects: see aspects for the order.
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

// orders tries every order of JSON members, or of form fields, if there are few
// and a program seems to have sorted them. It uses only heads and keys without
// a guessed mistake, because orders alone are thousands of candidates.
func (s *search) orders(lanes []lane, body []byte) []Finding {
	var found []Finding
	try := func(b []byte, undone step) bool {
		found = s.sweep(lanes, 0, []step{undone}, b)
		return found == nil && !s.stopped()
	}
	// A form has no JSON members.
	if fieldOrders(body, try) {
		return found
	}
	// Arranging costs as much as other rewriting, and memberOrders has no access to the budget.
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

// seenBodies recognizes bodies that were already tried in one round. It keeps a
// hash of each, not the body: hundreds of variants of a megabyte would not fit
// in memory. A collision only skips a candidate, and the random seed keeps an
// attacker from choosing collisions.
type seenBodies struct {
	seed maphash.Seed
	sums map[uint64]bool
}

// add reports whether the body is new.
func (b *seenBodies) add(body []byte) bool {
	sum := maphash.Bytes(b.seed, body)
	if b.sums[sum] {
		return false
	}
	b.sums[sum] = true
	return true
}

// digests tries the request with the digest as it was sent, for a body that
// does not have this digest. A proof then shows that the secret is right and
// the body was changed, but not how. It comes last because undoing the change
// reveals more.
func (s *search) digests(lanes []lane) []Finding {
	var changed []lane
	for _, l := range lanes {
		if len(l.heads) == 0 {
			continue
		}
		// Only schemes that sign a digest, and only if the body does not have it.
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
	// The search may have spent its whole budget. This part is short, and gets enough to read and
	// hash the body.
	s.limit = min(s.total, s.spent+deepBudget+2*int64(len(s.req.Body)))
	for depth := 0; depth <= deepest && len(changed) > 0; depth++ {
		if found := s.sweep(changed, depth, nil, s.req.Body); found != nil {
			// The body is proven to be changed, so observations that show how come first.
			return append(s.observeChange(), found...)
		}
	}
	return nil
}

// unknown returns the finding if nothing else was found. It contains the
// verifier's own error, how much was tried, and what to check apart from the
// secret. A request that was refused before its signature was compared says
// nothing about the secret, so its advice points at the headers instead.
func (s *search) unknown(err error) Finding {
	reason, text := s.say(err)
	if refusal := (*core.Error)(nil); s.verdict != nil && (!errors.As(err, &refusal) || refusal.Detail == "" && refusal.Err == nil) {
		// The caller has only the reason, as from a log. The verifier's own error has the details.
		_, text = s.say(s.verdict)
	}
	// The finding begins with its own text.
	text = strings.TrimPrefix(text, "hookonce: ")
	// Nothing was tried, so the counts below would mislead.
	if s.facts.Fetches {
		f := step{mistake: notTried}.finding(false)
		if text != "" {
			f.What += "; the verifier says: " + text
		}
		return f
	}
	if reason == core.ErrMalformed || reason == core.ErrMissingHeader || reason == core.ErrOutsideWindow {
		what := text + s.age() + "; no signature was compared"
		if s.tried > 0 {
			what += ", and none of the " + strconv.Itoa(s.tried) + " variants tried verifies"
		}
		f := step{unexplained, what}.finding(false)
		f.Remedy, f.Look = "Compare the headers, and the id and time in the body, with the sender's documentation. Something may have changed them on "+
			"the way, or another sender calls this URL.", whereProxy
		return f
	}
	// Say how much was tried, so that a reader knows what is ruled out.
	keys := "the key"
	if n := len(s.secrets); n != 1 {
		keys = "any of " + strconv.Itoa(n) + " keys"
	}
	what := "the signature does not match " + keys + " in any of " + strconv.Itoa(s.tried) + " variants tried"
	if s.tried == 0 {
		what = "the request cannot be read as a " + s.scheme.Name() + " message, so no key was tried"
	}
	// The secret is not the only possible cause: name the others, as far as the request shows them.
	if s.facts.URL != "" {
		what += "; the sender also signs the endpoint's URL, so compare " + oneLine(s.hide(s.facts.URL), 256) + " with the URL that is registered with the sender"
	}
	what += "; " + text
	if asJavaScript(s.req.Body) {
		what += " (the JSON is exactly as JavaScript writes it: if the sender does not use JavaScript, something may have rewritten it)"
	}
	return step{unexplained, what}.finding(false)
}

// age says how far an unproven timestamp is outside the tolerance. It returns
// "" if the timestamp is missing or acceptable.
func (s *search) age() string {
	a := new(core.Attempt)
	r := s.req
	if s.scheme.ReadHeader(&r, a) != nil || a.Timestamp.IsZero() || s.inside(a.Timestamp) {
		return ""
	}
	if ahead := a.Timestamp.Sub(s.now); ahead > 0 {
		return " (it is " + span(ahead) + " ahead, but only " + span(s.config.Future) + " are allowed" + zone(ahead) + ")"
	}
	age := s.now.Sub(a.Timestamp)
	return " (it is " + span(age) + " old, but only " + span(s.config.Past) + " are allowed" + zone(age) + ")"
}

// hide removes configured secrets from a text from outside this package, such
// as a key source's error. It also looks for the trimmed secret, because error
// texts often quote that. Very short secrets stay: replacing each "a" would
// make a text unreadable and hide nothing.
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
