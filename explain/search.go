package explain

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"hash/maphash"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hookonce/hookonce/core"
)

// The work is counted in bytes: those that are hashed, and those that are written anew, which cost more.
const (
	budget      = 96 << 20 // of a search; more for bodies of many mebibytes
	atLeast     = 12       // that are hashed at least, whatever their size
	trialCost   = 2 << 10  // of reading headers of a usual size and finishing a hash, for each key
	usual       = 2 << 10  // bytes of headers and address
	readCost    = 64       // of a byte more of them, at each reading
	publicCost  = 64 << 10 // of a signature that is no MAC
	rewriteCost = 4        // of a byte that is written anew, in bytes that are hashed
	deepest     = 2        // mistakes at once, not counting those that can be seen
	deepBudget  = 3 << 20  // for more of them
	keyTimeout  = 5 * time.Second
)

// search tries candidates: each is a way to read the request (a head), a body and a key, with some mistakes undone in each.
type search struct {
	ctx    context.Context //nolint:containedctx // of one call
	in     Input
	req    core.Request
	scheme core.Scheme
	facts  core.Facts
	now    time.Time

	past, future time.Duration

	source  string
	secrets []core.Secret
	known   []core.Secret // also those that came with an error
	keysErr error

	// spent is the work done, limit what the present part of the search may spend, and total what all of it may: the last piece of work may exceed it.
	spent, limit, total int64
	reading             int64 // what reading the headers costs more than usual
	unfinished          bool
	tried               int // candidates
}

func newSearch(ctx context.Context, in Input) *search {
	s := &search{ctx: ctx, in: in, scheme: schemeOf(in.Config)}
	s.facts = core.FactsOf(s.scheme)
	if in.Request != nil {
		s.req = *in.Request
	}
	s.req.Header = asMap(s.req.Header)
	s.bound()
	s.total = max(budget, atLeast*int64(len(s.req.Body)))
	s.limit = s.total
	s.past, s.future = window(in.Config, s.facts)
	clock := time.Now //nolint:forbidigo // the default of the configured clock
	if in.Config != nil && in.Config.Clock != nil {
		clock = in.Config.Clock
	}
	s.now = clock()
	s.lookUp(ctx)
	return s
}

// asMap returns all lines of a header. That of a search is a map already, which is not
// copied.
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

// received is the request as it came: what is searched may be less.
func (s *search) received() core.Request {
	if s.in.Request == nil {
		return core.Request{}
	}
	return *s.in.Request
}

// lookUp asks for the keys, once.
func (s *search) lookUp(ctx context.Context) {
	if s.in.Keys == nil {
		return
	}
	if v := reflect.ValueOf(s.in.Keys); (v.Kind() == reflect.Pointer || v.Kind() == reflect.Func) && v.IsNil() {
		s.in.Keys = nil // as core sees it
		return
	}
	timeout := keyTimeout
	if s.in.Config != nil && s.in.Config.KeyTimeout > 0 {
		timeout = s.in.Config.KeyTimeout
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	r := s.received()
	r.Body = nil
	r.Header = asMap(r.Header).Clone()
	var keys *core.Keys
	s.source, keys, s.keysErr = s.in.Keys.Keys(ctx, &r)
	s.known = keys.List()
	if s.keysErr == nil {
		s.secrets = s.known
	}
}

// verdict asks the verifier itself, over copies, so that nothing that it keeps is disturbed.
func (s *search) verdict() error {
	var c core.Config
	if s.in.Config != nil {
		c = *s.in.Config
	}
	c.Clock = func() time.Time { return s.now }
	var keys core.KeySource
	switch _, static := s.in.Keys.(*core.Keys); {
	case s.in.Keys == nil:
	case s.keysErr == nil && (static || s.secrets != nil && s.source != ""):
		keys = core.SecretList(s.secrets...).From(s.source)
	default:
		keys = core.KeySourceFunc(func(context.Context, *core.Request) (string, *core.Keys, error) {
			if s.keysErr != nil || s.secrets == nil {
				return "", nil, s.keysErr
			}
			return s.source, core.SecretList(s.secrets...), nil
		})
	}
	v, err := core.New(keys, noStore{}, &c)
	if err != nil || s.facts.Fetches {
		return err
	}
	r := s.received()
	_, err = v.Verify(offline, &r)
	return err
}

// offline is a context that has ended, under which no key does I/O: see
// [core.VerifyKey].
var offline = func() context.Context { //nolint:gochecknoglobals // a constant
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// noStore stands where a verifier needs a store; verifying asks it nothing.
type noStore struct{}

func (noStore) Swap(context.Context, core.Key, core.Value, core.Value, time.Duration) (core.Value, error) {
	return core.Value{}, core.ErrStoreUnavailable
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

// lane is one scheme under which the request may have been signed, with the ways to read it.
type lane struct {
	steps []step
	heads []head // the fewest steps first
	keys  []key  // likewise
}

// candidate weights count the mistakes that are not seen but guessed.
func (l *lane) weight() int { return len(l.steps) }

// run tries everything, the fewest mistakes first.
func (s *search) run() []Finding {
	lanes := s.lanes()
	body := s.req.Body
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
	return s.deeper(lanes)
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

// sweepBodies tries the bodies of this weight with what makes depth together with it.
func (s *search) sweepBodies(lanes []lane, depth, weight int) []Finding {
	var found []Finding
	s.bodies(s.req.Body, weight, func(v []byte, steps []step) bool {
		found = s.sweep(lanes, depth-weight, steps, v)
		return found == nil && !s.stopped()
	})
	return found
}

func (s *search) stopped() bool {
	if s.ctx.Err() != nil {
		s.unfinished = true
		return true
	}
	if s.spent+trialCost > s.limit {
		s.unfinished = true
		return true
	}
	return false
}

// charge says whether there is work left, and takes cost from it.
func (s *search) charge(cost int64) bool {
	if s.spent+cost > s.limit {
		s.unfinished = true
		return false
	}
	s.spent += cost
	return true
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
			if found := s.try(l, h, body, rest-h.weight, undone); found != nil {
				return found
			}
		}
	}
	return nil
}

// try reads the request with one head and body, and asks the keys of this weight.
func (s *search) try(l *lane, h *head, body []byte, weight int, undone []step) []Finding {
	from, _ := slices.BinarySearchFunc(l.keys, weight, func(k key, w int) int { return cmp.Compare(k.weight, w) })
	if from == len(l.keys) || l.keys[from].weight != weight || s.ctx.Err() != nil {
		return nil
	}
	if !s.charge(s.reading) {
		return nil
	}
	a, ok := h.read(body)
	if !ok {
		return nil
	}
	for i := from; i < len(l.keys) && l.keys[i].weight == weight; i++ {
		k := &l.keys[i]
		if !s.charge(k.cost(len(body))) {
			return nil
		}
		s.tried++
		signature, ok := k.fits(a, h.whole)
		if !ok {
			continue
		}
		steps := slices.Concat(l.steps, h.steps, k.steps, undone, signature, s.validity(k))
		return s.conclude(append(steps, s.clock(a.Timestamp)...))
	}
	return nil
}

// conclude names what was undone. If that is nothing, the refusal had another reason than what was tried.
func (s *search) conclude(steps []step) []Finding {
	if int64(len(s.req.Body)) > s.maxBody() {
		steps = append(steps, step{mistake: BodyTooLarge})
	}
	if len(steps) > 0 {
		return findings(steps)
	}
	return s.observe(nil)
}

func (s *search) maxBody() int64 {
	if s.in.Config != nil && s.in.Config.MaxBody > 0 {
		return s.in.Config.MaxBody
	}
	return 1 << 20
}

// read takes the request apart as the verifier does, the window aside.
func (h *head) read(body []byte) (*core.Attempt, bool) {
	r := h.req
	r.Body = body
	a := new(core.Attempt)
	if h.scheme.ReadHeader(&r, a) != nil || h.scheme.ReadBody(&r, a) != nil {
		return nil, false
	}
	switch h.scheme.Stamping() {
	case core.StampedOnce, core.StampedEachAttempt:
		if a.Timestamp.IsZero() {
			return nil, false
		}
	case core.NotStamped, core.NotIdentified:
	}
	for _, w := range h.swaps {
		flat := a.Content.Bytes()
		at := bytes.Index(flat, []byte(w.read))
		if bytes.HasSuffix(flat, []byte(w.read)) {
			at = len(flat) - len(w.read)
		}
		if at < 0 {
			return nil, false
		}
		var c core.Content
		c.WriteBody(flat[:at])
		c.WriteString(w.signed)
		c.WriteBody(flat[at+len(w.read):])
		a.Content = c
	}
	return a, true
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

func (k *key) cost(body int) int64 {
	if k.mac {
		return int64(body) + trialCost
	}
	return 3*int64(body) + publicCost
}

// fits says whether a signature is this key's, or a damaged one.
func (k *key) fits(a *core.Attempt, whole bool) ([]step, bool) {
	if ok, err := k.verify.Verify(offline, a); err == nil && ok {
		return nil, true
	}
	if k.forge == nil || !whole {
		return nil, false
	}
	return damaged(a.Signatures, k.forge(&a.Content))
}

// validity names a key that fits, but not now.
func (s *search) validity(k *key) []step {
	switch {
	case !k.notBefore.IsZero() && s.now.Before(k.notBefore):
		return []step{{KeyNotYetValid, "the message is signed with " + printable(k.name) + ", which is accepted only in " + span(k.notBefore.Sub(s.now))}}
	case !k.notAfter.IsZero() && !s.now.Before(k.notAfter):
		return []step{{KeyExpired, "the message is signed with " + printable(k.name) + ", which is not accepted any more since " + span(s.now.Sub(k.notAfter))}}
	default:
		return nil
	}
}

// unknown says what was tried.
func (s *search) unknown() Finding {
	if s.facts.Fetches {
		return step{mistake: NotTried}.finding(false)
	}
	keys := "the key"
	if n := len(s.secrets); n != 1 {
		keys = "any of " + strconv.Itoa(n) + " keys"
	}
	what := "the signature does not match " + keys + " under " + strconv.Itoa(s.tried) +
		" variants tried; the likeliest left: a wrong secret (of another endpoint or environment), or a body that was changed on the way"
	if s.tried == 0 {
		what = "the request cannot be read as one of " + s.scheme.Name() + ", so no key was tried"
	}
	return step{Unknown, what}.finding(false)
}

// span is a duration for people.
func span(d time.Duration) string {
	if d < 0 {
		d = -d
	}
	switch {
	case d >= 48*time.Hour:
		return strconv.Itoa(int(d/(24*time.Hour))) + " days"
	case d >= time.Minute:
		return d.Round(time.Second).String()
	default:
		return d.Round(time.Millisecond).String()
	}
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

// isMAC says that the cost of a key is that of its hash: it is a shared secret. Of
// the schemes with keys of both kinds, Standard Webhooks has core's.
func isMAC(f core.Facts, k core.VerifyKey) bool { return !f.PublicKeys && !isEd25519(k) }

// makesEd25519 says that a scheme makes one of core's ed25519 keys of a secret.
func makesEd25519(scheme core.Scheme, secret string) bool {
	k, err := scheme.ParseKey(secret)
	return err == nil && isEd25519(k)
}

func isEd25519(k core.VerifyKey) bool {
	public, _ := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)).Public().(ed25519.PublicKey)
	probe, err := core.Ed25519Key("x", public, core.Hex)
	return err == nil && sameType(k, probe)
}
