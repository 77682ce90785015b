package core //nolint:testpackage // breaks the rules of identity one by one

import (
	"container/heap"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

// kind is a kind of sender. The simulation keeps its four counts per kind.
type kind struct {
	name string
	// What the sender signs besides the body, and what it sends unsigned.
	id, stamp, delivery bool
	stamping            Stamping
	past                time.Duration
	gaps                []time.Duration // between its attempts
	kept                bool            // the delivery id is the same for all attempts
	reuses              bool            // the ids are constant, as those of test buttons
	fanOut              bool            // each event goes to two paths
	stripped            bool            // a proxy removes the delivery id
	indistinct          bool            // the scheme says that equal bytes may be two events
}

var (
	shortGaps = []time.Duration{5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 7 * time.Hour}
	onceGaps  = []time.Duration{5 * time.Minute, 10 * time.Minute, 15 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour}

	kinds = []kind{
		{name: "1: signed id, signed time of the attempt", id: true, stamp: true, stamping: StampedEachAttempt, gaps: shortGaps},
		{name: "1, with constant ids", id: true, stamp: true, stamping: StampedEachAttempt, gaps: shortGaps, reuses: true},
		{name: "1, to two endpoints", id: true, stamp: true, stamping: StampedEachAttempt, gaps: shortGaps, fanOut: true},
		{name: "2: signed id", id: true, gaps: shortGaps},
		{name: "2, signed once for 8 hours", id: true, stamp: true, stamping: StampedOnce, past: 8*time.Hour + 10*time.Minute, gaps: onceGaps},
		{name: "3: signed time of the attempt, unsigned id", stamp: true, delivery: true, stamping: StampedEachAttempt, gaps: shortGaps, kept: true},
		{name: "3, the unsigned id not kept", stamp: true, delivery: true, stamping: StampedEachAttempt, gaps: shortGaps},
		{name: "3, without an unsigned id", stamp: true, stamping: StampedEachAttempt, gaps: shortGaps},
		{name: "4: only the body signed, unsigned id", delivery: true, gaps: shortGaps, kept: true},
		{name: "4, to two endpoints", delivery: true, gaps: shortGaps, kept: true, fanOut: true},
		{name: "4, its unsigned id taken out on the way", delivery: true, gaps: shortGaps, kept: true, stripped: true},
		{name: "4, without an unsigned id", gaps: shortGaps, indistinct: true},
	}
)

const (
	kindSecret  = "kD8sW2xQv5tYb1Rn"
	headerSig   = "X-Sig"
	headerTime  = "X-Time"
	headerID    = "X-Id"
	headerTopic = "X-Topic"
)

// kindScheme is the scheme of a kind.
type kindScheme struct{ kind }

func (s kindScheme) Name() string       { return "kind" }
func (s kindScheme) Stamping() Stamping { return s.stamping }
func (s kindScheme) Facts() Facts       { return Facts{Past: s.past} }
func (s kindScheme) ParseKey(text string) (VerifyKey, error) {
	return HMACKey("", sha256.New, []byte(text), Hex)
}

func (s kindScheme) ReadHeader(r *Request, a *Attempt) error {
	a.BodySigned, a.Indistinct = true, s.indistinct || s.stripped
	if s.id {
		a.ID, a.IDSigned = lines(r.Header).Get(headerID), true
		a.Content.WriteString(a.ID + ".")
	}
	if s.stamp {
		text := lines(r.Header).Get(headerTime)
		at, err := parseSeconds(text)
		if err != nil {
			return refuse(ErrMalformed, "", err)
		}
		a.Timestamp = at
		a.Content.WriteTime(text)
		a.Content.WriteString(".")
	}
	if s.delivery {
		a.ID = lines(r.Header).Get(headerID)
		a.Unsigned = append(a.Unsigned, a.ID, lines(r.Header).Get(headerTopic))
	}
	a.Signatures = append(a.Signatures, Signature{Text: lines(r.Header).Get(headerSig)})
	return nil
}

func (s kindScheme) ReadBody(r *Request, a *Attempt) error {
	a.Content.WriteBody(r.Body)
	return nil
}

// kindEvent is what happened at the sender. An event that goes to two paths is two of them.
type kindEvent struct {
	path, id, topic, body string
	signed                time.Time // of a message that is signed once

	done bool // its handler succeeded
	own  bool // … for a request with its own ids
	loud bool // an attempt was refused with an error that is logged
	over bool // the sender has stopped
}

// kindAttempt is one request, as the sender or the attacker made it.
type kindAttempt struct {
	of        *kindEvent
	header    http.Header
	presented bool // to the receiver
}

// identityCounts are the results of the simulation.
type identityCounts struct {
	events, attempts, runs int

	unseen    int // events acknowledged whose handler never succeeded
	lost      int // events that their sender gave up although an attempt could have been handled, without a logged error
	again     int // genuine retries of handled messages for which the handler ran again although the id was the same
	gained    int // runs of the handler that the attacker caused beyond the sender's own
	most      int // … for one signed content
	loud      int // events refused with an error
	tooOften  int // contents that ran under more ids than Config.Repeats allows
	respent   int // attempts of kind 3 that ran once more under another id
	acked     int // redeliveries acknowledged
	byContent map[string]int
}

type identitySimulation struct {
	identityCounts
	kind

	t        *testing.T
	rng      *rand.Rand
	v        *Verifier
	events   simEvents
	seq      int
	all      []*kindEvent
	fails    map[*kindEvent]int
	current  *kindEvent                 // whose attempt is with the receiver
	ranUnder map[string]map[string]bool // signed content: the ids under which it was handled
}

func (s *identitySimulation) after(d time.Duration, do func()) {
	s.seq++
	heap.Push(&s.events, simEvent{time.Now().Add(d), s.seq, do})
}

func (s *identitySimulation) between(from, to time.Duration) time.Duration {
	return from + time.Duration(s.rng.Int64N(int64(to-from)))
}

func (s *identitySimulation) chance(p float64) bool { return s.rng.Float64() < p }

// unlucky reports whether something goes wrong with an attempt of e. That
// happens at most twice per event, so an ideal receiver loses none.
func (s *identitySimulation) unlucky(e *kindEvent, p float64) bool {
	if s.fails[e] >= 2 || !s.chance(p) {
		return false
	}
	s.fails[e]++
	return true
}

const simulatedRepeats = 16

// simulateIdentity runs the events of one kind of sender through a day.
func simulateIdentity(t *testing.T, k kind, seed uint64, change ...func(*Config)) identityCounts {
	t.Helper()
	events := max(2_000/simulationShare(), 1_000) // five events a content, or too few come to a bound
	s := &identitySimulation{
		kind: k, t: t, rng: rand.New(rand.NewPCG(seed, 3)), fails: make(map[*kindEvent]int),
		ranUnder:       make(map[string]map[string]bool),
		identityCounts: identityCounts{byContent: make(map[string]int)},
	}
	synctest.Test(t, func(t *testing.T) {
		// No lease is renewed: everything runs in one goroutine, in an order that the seed
		// determines.
		cfg := &Config{Scheme: kindScheme{k}, Repeats: simulatedRepeats, Remember: 48 * time.Hour, Lease: shortLease, Observe: func(context.Context, Event) {}}
		for _, f := range change {
			f(cfg)
		}
		store := newMapStore()
		store.after = func(context.Context, Value, bool) error { // the reply of a swap in fifty is lost
			if s.unlucky(s.current, 0.02) {
				return errStoreDown
			}
			return nil
		}
		var err error
		if s.v, err = New(Secrets(kindSecret), store, cfg); err != nil {
			t.Fatal(err)
		}
		for i := range events {
			s.after(s.between(0, 12*time.Hour), func() { s.happen(i) })
		}
		for len(s.events.list()) > 0 {
			e, _ := heap.Pop(&s.events).(simEvent)
			time.Sleep(time.Until(e.at))
			e.do()
		}
	})
	for _, e := range s.all {
		switch {
		case e.done:
		case e.loud, s.fanOut: // where two endpoints share a verifier, what counts is that nothing is acknowledged unseen
			s.loud++
		default:
			s.lost++
		}
	}
	for _, n := range s.byContent {
		s.most = max(s.most, n)
	}
	for _, ids := range s.ranUnder {
		if len(ids) > simulatedRepeats+1 {
			s.tooOften++
		}
	}
	return s.identityCounts
}

// list is e.
func (e *simEvents) list() []simEvent { return *e }

// happen creates an event whose content others share, and starts its sender.
func (s *identitySimulation) happen(i int) {
	content := `{"state":` + strconv.Itoa(s.rng.IntN(400)) + `}`
	id := "evt-" + strconv.Itoa(i)
	if s.reuses {
		id = "evt-0"
		content = `{"type":` + strconv.Itoa(i) + `}`
	}
	paths := []string{"/hook"}
	if s.fanOut {
		paths = []string{"/billing", "/mail"}
	}
	for _, path := range paths {
		e := &kindEvent{path: path, id: id, topic: "topic" + strconv.Itoa(s.rng.IntN(3)), body: content, signed: time.Now()}
		if s.fanOut {
			e.topic = "topic"
		}
		s.all = append(s.all, e)
		s.identityCounts.events++
		s.send(e, 0)
	}
}

// send makes the sender's n-th attempt.
func (s *identitySimulation) send(e *kindEvent, n int) {
	if e.over {
		return
	}
	a := s.attempt(e, n)
	if n < len(s.gaps) {
		s.after(s.gaps[n]+s.between(0, 2*time.Second), func() { s.send(e, n+1) })
	}
	captured := s.chance(0.1)
	if captured {
		s.attack(a)
		if s.unlucky(e, 0.25) {
			return // withheld
		}
	}
	s.present(a, false, func(status int) {
		if status < 200 || status > 299 || s.chance(0.1) { // a response in ten is lost
			return
		}
		e.over = true
		if !e.done {
			s.unseen++
		}
	})
}

// attempt creates and signs a request.
func (s *identitySimulation) attempt(e *kindEvent, n int) *kindAttempt {
	h := make(http.Header)
	content := ""
	if s.id || s.delivery {
		id := e.id
		if s.delivery && !s.kept {
			id += "-" + strconv.Itoa(n)
		}
		h.Set(headerID, id)
		if s.id {
			content += id + "."
		}
	}
	if s.delivery {
		h.Set(headerTopic, e.topic)
	}
	if s.stripped {
		h.Del(headerID)
	}
	if s.stamp {
		at := time.Now()
		if s.stamping == StampedOnce {
			at = e.signed
		}
		stamp := strconv.FormatInt(at.Unix(), 10)
		h.Set(headerTime, stamp)
		content += stamp + "."
	}
	mac := hmac.New(sha256.New, []byte(kindSecret))
	mac.Write([]byte(content + e.body))
	h.Set(headerSig, hex.EncodeToString(mac.Sum(nil)))
	return &kindAttempt{of: e, header: h}
}

// attack presents a captured attempt unchanged, under new ids, and under the id
// of another event.
func (s *identitySimulation) attack(a *kindAttempt) {
	forge := func(in time.Duration, id string) {
		s.after(in, func() {
			c := &kindAttempt{of: a.of, header: a.header.Clone(), presented: a.presented}
			if id != "" && s.delivery && !s.stripped {
				c.header.Set(headerID, id)
			}
			s.present(c, true, func(int) {})
			a.presented = true
		})
	}
	copies := 1
	if s.chance(0.05) {
		copies = 40 // an attacker who tests the bound
	}
	for i := range copies {
		forge(s.between(time.Second, 4*time.Minute), "")
		forge(s.between(time.Second, 4*time.Minute), fmt.Sprintf("forged-%d-%d", s.seq, i))
		other := s.all[s.rng.IntN(len(s.all))]
		forge(s.between(0, 4*time.Minute), other.id)
	}
	forge(s.between(time.Hour, 8*time.Hour), fmt.Sprintf("forged-%d-late", s.seq))
}

// present delivers an attempt to the receiver.
func (s *identitySimulation) present(a *kindAttempt, attacker bool, answer func(status int)) {
	e := a.of
	s.attempts++
	s.current = e
	before := a.presented
	a.presented = true
	d := s.v.Admit(s.t.Context(), &Request{Method: http.MethodPost, URL: e.path, Header: a.header}, testBody(e.body))
	if refused := d.Answer(); refused != nil {
		reason := d.Err().Reason
		e.loud = e.loud || !attacker && (reason == ErrRepeated || reason == ErrIDReused || reason == ErrMisconfigured)
		if d.Err().Acknowledges() {
			s.acked++
		}
		answer(refused.Status)
		return
	}
	s.runs++
	s.account(a, attacker, before)
	m, _ := d.Message()
	if s.unlucky(e, 0.03) {
		return // a crash: nothing is settled, and there is no response
	}
	took := s.between(20*time.Millisecond, 8*time.Second)
	s.after(took, func() {
		status := http.StatusOK
		if s.unlucky(e, 0.3) {
			status = http.StatusInternalServerError
		} else {
			s.saw(e, m, a.header)
		}
		s.current = e
		answer(d.Settle(status))
	})
}

// saw marks the events that the handler got: the one of the attempt, and any
// that looks equal to a handler.
func (s *identitySimulation) saw(e *kindEvent, m Message, h http.Header) {
	e.done = true
	if !s.delivery {
		e.own = true
		return
	}
	for _, other := range s.all {
		if other.path == e.path && other.body == string(m.Body) && other.id == h.Get(headerID) && other.topic == h.Get(headerTopic) {
			other.done, other.own = true, true
		}
	}
}

// account records a run.
func (s *identitySimulation) account(a *kindAttempt, attacker, presentedBefore bool) {
	e := a.of
	content := e.path + " " + e.body
	if s.stamp {
		content += a.header.Get(headerTime)
	}
	again := false // under the same ids, because its handler failed or died
	if s.delivery {
		if s.ranUnder[content] == nil {
			s.ranUnder[content] = make(map[string]bool)
		}
		under := a.header.Get(headerID) + " " + a.header.Get(headerTopic)
		if s.stamping == StampedEachAttempt && len(s.ranUnder[content]) > 0 && !s.ranUnder[content][under] {
			s.respent++
		}
		again = s.ranUnder[content][under] && s.stamping == NotStamped
		s.ranUnder[content][under] = true
	}
	switch {
	case again:
	case attacker && (presentedBefore || e.done):
		s.gained++
		s.byContent[content]++
	case !attacker && e.own && (s.id || s.delivery && s.kept):
		s.again++
	case !attacker && e.done && s.delivery && s.kept: // a withheld attempt ran under another id
		s.gained++
		s.byContent[content]++
	}
}

func TestTheIdentitySimulationLosesNothingOfAnyKindOfSender(t *testing.T) {
	t.Parallel()
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			got := simulateIdentity(t, k, 1)
			t.Logf("%d events, %d attempts, %d runs: %d acknowledged unseen, %d lost, %d run again, %d gained by the attacker (most for one content %d), %d refused loudly",
				got.events, got.attempts, got.runs, got.unseen, got.lost, got.again, got.gained, got.most, got.loud)
			if got.unseen != 0 {
				t.Errorf("%d events were acknowledged unseen", got.unseen)
			}
			if got.lost != 0 {
				t.Errorf("%d events were lost", got.lost)
			}
			if got.again != 0 {
				t.Errorf("%d honest retries of handled messages ran again", got.again)
			}
			most := 1 + 3 // of one attempt: Config.Reruns, of a message whose handler failed
			if k.delivery && k.stamping == NotStamped {
				most = 1 + simulatedRepeats
			}
			if got.most > most {
				t.Errorf("the attacker gained %d runs of one content, at most %d are allowed", got.most, most)
			}
			if got.tooOften != 0 || got.respent != 0 {
				t.Errorf("%d contents ran under more than %d ids, %d attempts under a second one", got.tooOften, simulatedRepeats+1, got.respent)
			}
			unsure := k.stripped || k.indistinct // so equal bytes are refused
			if got.acked == 0 && (k.id || k.kept) && !k.reuses && !unsure || got.attempts < got.events {
				t.Error("too little happened to prove anything")
			}
			if (k.reuses || k.fanOut || unsure) != (got.loud > got.events/10) {
				t.Errorf("%d of %d events were refused loudly", got.loud, got.events)
			}
		})
	}
}

func TestTheIdentitySimulationFindsEachBrokenRule(t *testing.T) {
	t.Parallel()
	find := func(name string) kind {
		for _, k := range kinds {
			if k.name == name {
				return k
			}
		}
		t.Fatalf("no kind %q", name)
		return kind{}
	}
	for name, tt := range map[string]struct {
		kind   string
		mutant mutant
		change func(*Config)
		found  func(identityCounts) int
	}{
		"unsigned ids do not count": {
			kind: "4: only the body signed, unsigned id", mutant: contentAlone,
			found: func(c identityCounts) int { return c.unseen },
		},
		"unsigned ids count without the content": {
			kind: "4: only the body signed, unsigned id", mutant: idAlone,
			found: func(c identityCounts) int { return c.unseen },
		},
		"equal contents are not counted": {
			kind: "4: only the body signed, unsigned id", mutant: noCount,
			found: func(c identityCounts) int { return c.tooOften },
		},
		"an attempt may be spent twice": {
			kind: "3: signed time of the attempt, unsigned id", mutant: noSpending,
			found: func(c identityCounts) int { return c.respent },
		},
		"the time identifies": {
			kind: "3: signed time of the attempt, unsigned id", mutant: timeIdentifies,
			found: func(c identityCounts) int { return c.again },
		},
		"a reused id is acknowledged": {
			kind: "1, with constant ids", mutant: noPrint,
			found: func(c identityCounts) int { return c.unseen },
		},
		"another endpoint's message is acknowledged": {
			kind: "1, to two endpoints", mutant: noPrint,
			found: func(c identityCounts) int { return c.unseen },
		},
		"another endpoint's content is acknowledged": {
			kind: "4, to two endpoints", mutant: noPrint,
			found: func(c identityCounts) int { return c.unseen },
		},
		"an event whose delivery id was taken out is acknowledged": {
			kind: "4, its unsigned id taken out on the way", mutant: sure,
			found: func(c identityCounts) int { return c.unseen },
		},
		"equal bytes that may be two events are acknowledged": {
			kind: "4, without an unsigned id", mutant: sure,
			found: func(c identityCounts) int { return c.unseen },
		},
		"a tolerance shorter than the sender's retries": {
			kind: "2, signed once for 8 hours", change: func(c *Config) { c.Past = 5 * time.Minute },
			found: func(c identityCounts) int { return c.lost },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tt.mutant != nil && !tt.mutant.runs(t) {
				return
			}
			var change []func(*Config)
			if tt.change != nil {
				change = append(change, tt.change)
			}
			const seeds = 12 // some of what goes wrong is rare
			for seed := range uint64(seeds) {
				if tt.found(simulateIdentity(t, find(tt.kind), seed, change...)) > 0 {
					return
				}
			}
			t.Errorf("the simulation did not find it in %d seeds", seeds)
		})
	}
}
