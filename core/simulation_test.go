package core //nolint:testpackage // breaks the rules of the protocol one by one

import (
	"container/heap"
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookonce/hookonce/internal/testmode"
)

// The simulation is single-threaded over a heap of events, in the virtual time of a synctest
// bubble, and drives the real verifiers of several nodes from the window check on. What it calls a
// rerun is what REPLAY rules out:
//
//   - a handler is started for a message whose success is on record,
//   - or for an attempt that is not newer than one whose outcome is unknown, or while another
//     handler has the lease,
//   - or for attempts that are not newer, more times than Reruns allows.
type simulation struct {
	simConfig
	simResult

	rng       *rand.Rand
	nodes     []*Verifier
	offsets   []time.Duration // of the nodes' clocks
	messages  []*simMessage
	events    simEvents
	seq       int
	records   map[Key]mapEntry
	depth     int // of attempts that come in between
	up        bool
	lives     int // of the process, if the store forgets
	forgetful bool
	marker    time.Time // of the store's birth; zero: it is lost, as all is
	gone      time.Time // when all was lost last
}

type simConfig struct {
	seed     uint64
	messages int
	remember time.Duration
	restarts int // > 0: one node, whose store forgets
	losses   int // > 0: the store of all nodes loses everything so many times
}

type simResult struct {
	verified     int // attempts that reached the claim
	runs         int
	reruns       int // must be 0
	blocked      int // newer attempts answered "in flight" long after the lease of a handler that died; must be 0
	renewals     int
	byReplay     int // runs that an attacker's copy of a failed attempt caused, as Reruns allows
	forgotten    int // attempts presented for the first time after the record was gone
	acknowledged int // redeliveries and replays
	lost         int // never handled, or acknowledged before they were
}

type simMessage struct {
	key     Key
	offset  time.Duration // of the sender's clock
	deaf    bool          // the sender never gets a response
	last    bool          // the sender has given up or was acknowledged
	handled bool          // by the handler
	done    bool          // on record
	bad     int           // runs that crashed or failed

	ran        bool
	mark       int64     // newest stamp that ran
	open       bool      // the outcome of the last run is unknown
	leaseUntil time.Time // of the last run, renewals included
	mayHold    time.Time // … and of claims and renewals whose reply was lost
	notNewer   int
	captured   []*simAttempt
}

type simAttempt struct {
	m         *simMessage
	stamp     time.Time
	presented bool
}

type simEvent struct {
	at  time.Time
	seq int
	do  func()
}

type simEvents []simEvent //nolint:recvcheck // as container/heap asks

func (e simEvents) Len() int { return len(e) }
func (e simEvents) Less(i, j int) bool {
	if !e[i].at.Equal(e[j].at) {
		return e[i].at.Before(e[j].at)
	}
	return e[i].seq < e[j].seq
}
func (e simEvents) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *simEvents) Push(x any)   { *e = append(*e, x.(simEvent)) } //nolint:errcheck // only at pushes
func (e *simEvents) Pop() any {
	last := (*e)[len(*e)-1]
	(*e)[len(*e)-1] = simEvent{}
	*e = (*e)[:len(*e)-1]
	return last
}

func (s *simulation) at(t time.Time, do func()) {
	s.seq++
	heap.Push(&s.events, simEvent{t, s.seq, do})
}

func (s *simulation) after(d time.Duration, do func()) { s.at(time.Now().Add(d), do) }

func (s *simulation) between(from, to time.Duration) time.Duration {
	return from + time.Duration(s.rng.Int64N(int64(to-from)))
}

func (s *simulation) chance(p float64) bool { return s.rng.Float64() < p }

// simulationShare divides the number of messages. A brief run has a tenth.
func simulationShare() int {
	if testmode.Brief() {
		return 10
	}
	return 1
}

func simulate(t *testing.T, cfg simConfig) simResult {
	t.Helper()
	cfg.messages /= simulationShare()
	s := &simulation{
		simConfig: cfg, rng: rand.New(rand.NewPCG(cfg.seed, 2)), records: make(map[Key]mapEntry), up: true, forgetful: cfg.restarts > 0,
		offsets: []time.Duration{-5 * time.Second, 5 * time.Second, 0, 2300 * time.Millisecond},
	}
	if s.forgetful {
		s.offsets = []time.Duration{0}
	}
	synctest.Test(t, func(t *testing.T) {
		s.boot(t)
		const span = 4 * time.Hour
		for i := range cfg.messages {
			m := &simMessage{offset: s.between(-2*time.Second, 0), deaf: s.chance(0.05)}
			binary.BigEndian.PutUint64(m.key[:], uint64(i)+1)
			switch i % 10 {
			case 0:
				m.offset = -280 * time.Second
			case 1:
				if !s.forgetful && s.losses == 0 { // a cold start cannot cover stamps in the future
					m.offset = 290 * time.Second
				}
			}
			s.messages = append(s.messages, m)
			s.after(s.between(0, span), func() { s.send(m, 0) })
		}
		for range cfg.restarts {
			s.after(s.between(0, span), func() { s.restart(t) })
		}
		for range cfg.losses {
			s.after(s.between(0, span), s.lose)
		}
		for len(s.events) > 0 {
			e, _ := heap.Pop(&s.events).(simEvent)
			time.Sleep(time.Until(e.at))
			e.do()
		}
	})
	for _, m := range s.messages {
		if !m.handled {
			s.lost++
		}
	}
	return s.simResult
}

func (s *simulation) boot(t *testing.T) {
	t.Helper()
	s.nodes = nil
	for _, offset := range s.offsets {
		v, err := New(Secrets(claimSecret), &simNode{simulation: s}, &Config{
			Remember: s.remember, Clock: func() time.Time { return time.Now().Add(offset) },
		})
		if err != nil {
			t.Fatal(err)
		}
		s.nodes = append(s.nodes, v)
	}
}

func (s *simulation) restart(t *testing.T) {
	t.Helper()
	if !s.up {
		return
	}
	s.up = false
	s.lives++
	clear(s.records)
	for _, m := range s.messages {
		m.leaseUntil = time.Time{} // its handler is dead
	}
	s.after(s.between(2*time.Second, 4*time.Second), func() {
		s.up, s.gone = true, time.Now().Truncate(time.Second)
		s.boot(t)
	})
}

// lose empties the store during operation.
func (s *simulation) lose() {
	clear(s.records)
	s.marker, s.gone = time.Time{}, time.Now()
	for _, m := range s.messages {
		m.leaseUntil = time.Time{} // an attempt with a newer timestamp does not find it
	}
}

// simNode is the SeenStore of one node.
type simNode struct {
	*simulation

	marker, since time.Time // as it knows them
}

func (n *simNode) KnownSince() time.Time { return n.since }

func (n *simNode) Swap(ctx context.Context, key Key, old, next Value, ttl time.Duration) (Value, error) {
	if n.losses > 0 && old == (Value{}) {
		n.look()
	}
	return n.simulation.Swap(ctx, key, old, next, ttl)
}

// look checks whether the store is still the one that the node knows.
func (n *simNode) look() {
	const margin = 10 * time.Second
	now := time.Now()
	if n.simulation.marker.IsZero() {
		n.simulation.marker = now
		if !n.marker.IsZero() {
			n.simulation.marker = now.Add(margin)
		}
	}
	if !n.simulation.marker.Equal(n.marker) {
		n.marker, n.since = n.simulation.marker, n.simulation.marker
	}
}

// Forgets makes the simulation a SeenStore.
func (s *simulation) Forgets() bool { return s.forgetful }

// Scope gives all keys the same beginning.
func (s *simulation) Scope(string, string) uint32 { return 7 }

func (s *simulation) Swap(_ context.Context, key Key, old, next Value, ttl time.Duration) (Value, error) {
	if s.depth == 0 && s.chance(0.03) { // another attempt comes in between decision and swap
		m := s.messages[binary.BigEndian.Uint64(key[:])-1]
		s.depth++
		s.present(m.captured[s.rng.IntN(len(m.captured))], s.rng.IntN(len(s.nodes)), func(int) {})
		s.depth--
	}
	got := s.swap(key, old, next, ttl)
	if s.chance(0.02) { // the engine's client got no reply, and repeats the call
		got = s.swap(key, old, next, ttl)
	}
	if s.chance(0.02) {
		return Value{}, errStoreDown // the client got no reply at all
	}
	return got, nil
}

func (s *simulation) swap(key Key, old, next Value, ttl time.Duration) Value {
	e := s.records[key]
	if !time.Now().Before(e.until) {
		e = mapEntry{}
	}
	if e.value != old || e.value == next {
		return e.value
	}
	s.records[key] = mapEntry{next, time.Now().Add(ttl)}
	m := s.messages[binary.BigEndian.Uint64(key[:])-1]
	before, _ := decode(old)
	switch rec, _ := decode(next); {
	case rec.state == Claimed:
		m.mayHold = time.Now().Add(shortLease)
	case rec.state == Done:
		m.done, m.open = true, false
	case rec.state == Released && before.state == Claimed && m.ran:
		m.open = false
	}
	return next
}

// send makes the sender's k-th attempt.
func (s *simulation) send(m *simMessage, k int) {
	// The example schedule of Standard Webhooks.
	schedule := [...]time.Duration{
		5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
	}
	stamp := time.Now().Add(m.offset)
	if s.chance(0.1) {
		stamp = stamp.Add(-4 * time.Second) // another host of the sender
	}
	a := &simAttempt{m: m, stamp: stamp.Truncate(time.Second)}
	m.captured = append(m.captured, a)
	s.attack(a)

	answered := false
	answer := func(status int) {
		if answered {
			return
		}
		answered = true
		if status >= 200 && status <= 299 || status == 409 {
			m.last = true
			if !m.handled {
				s.lost++
			}
		} else if k < len(schedule) {
			s.after(schedule[k]+s.between(0, 3*time.Second), func() { s.send(m, k+1) })
		}
	}
	s.after(15*time.Second, func() { answer(0) }) // the sender's timeout
	if s.chance(0.03) {
		return // lost on the way; the attacker has it
	}
	s.present(a, s.rng.IntN(len(s.nodes)), func(status int) {
		if !m.deaf && !s.chance(0.05) {
			answer(status)
		}
	})
}

// attack presents a captured attempt again: at once, after the lease, at any
// time, and in the last moments of its validity on every node.
func (s *simulation) attack(a *simAttempt) {
	replay := func(at time.Time, node int) {
		s.at(at, func() { s.present(a, node, func(int) {}) })
	}
	now := time.Now()
	for _, until := range []time.Duration{2 * time.Second, 30 * time.Second, 90 * time.Second, 5 * time.Minute} {
		replay(now.Add(s.between(0, until)), s.rng.IntN(len(s.nodes)))
	}
	for node, offset := range s.offsets {
		end := a.stamp.Add(5*time.Minute - offset)
		replay(end, node)
		replay(end.Add(-s.between(0, 2*time.Second)), node)
	}
}

// present delivers an attempt to a node. answer gets the status, and is not
// called if the node crashes.
func (s *simulation) present(a *simAttempt, node int, answer func(int)) {
	if !s.up {
		return
	}
	v, m := s.nodes[node], a.m
	if err := v.checkParts(&Attempt{Timestamp: a.stamp}, v.cfg.Clock()); err != nil {
		answer(401)
		return
	}
	s.verified++
	replayed := a.presented
	a.presented = true
	if m.done && s.lapses() && !replayed && !a.stamp.Before(s.gone) && !time.Now().Before(s.records[m.key].until) {
		s.forgotten++ // an attempt that was never presented before cannot be distinguished from one of a new message
		m.done = false
	}
	gone := !time.Now().Before(s.records[m.key].until) // that of a handler that overran its lease, say
	var cl claim
	verdict, err := v.claims.claim(context.Background(), new(lazyContext), &identity{message: m.key}, &cl, a.stamp.UnixMilli(), v.claims.clock.now())
	switch {
	case err != nil || verdict == inFlight:
		free := m.mayHold.Add(2*v.cfg.Skew + 10*time.Second) // clocks are up to 10 seconds apart
		if err == nil && m.open && a.stamp.UnixMilli() > m.mark && time.Now().After(free) {
			s.blocked++
		}
		answer(503)
	case verdict == replaySame:
		s.acknowledged++
		answer(409)
	case verdict != run:
		s.acknowledged++
		answer(int(cl.rec.status))
	default:
		s.judge(a, replayed, gone)
		s.run(v, m, cl, answer)
	}
}

// lapses reports whether a record may end before the sender gives up.
func (s *simulation) lapses() bool { return s.forgetful || s.losses > 0 || s.remember > 0 }

// judge checks a run that the protocol allowed.
func (s *simulation) judge(a *simAttempt, replayed, gone bool) {
	m, stamp := a.m, a.stamp.UnixMilli()
	notNewer := m.ran && stamp <= m.mark
	if (s.lapses() || gone) && !notNewer {
		m.notNewer = 0
	}
	if notNewer {
		m.notNewer++
	}
	switch {
	case m.done, m.open && (notNewer || time.Now().Before(m.leaseUntil)), m.notNewer > 3:
		s.reruns++
	case replayed:
		s.byReplay++
	}
	s.runs++
	m.ran, m.open = true, true
	m.mark = max(m.mark, stamp)
	m.leaseUntil = time.Now().Add(shortLease)
}

func (s *simulation) run(v *Verifier, m *simMessage, cl claim, answer func(int)) {
	status := 200
	if m.bad < 4 {
		switch p := s.rng.Float64(); {
		case p < 0.05:
			m.bad++
			s.after(s.between(30*time.Second, 50*time.Second), func() { s.probe(m) })
			return // a crash
		case p < 0.35:
			m.bad++
			status = 500
		}
	}
	took := s.between(50*time.Millisecond, 10*time.Second)
	if s.chance(0.05) {
		took = s.between(50*time.Second, 150*time.Second) // it overruns its lease
	}
	lives, ended := s.lives, false
	s.keep(v, m, &cl, cl.rec.leaseEnd, func() bool { return ended || s.lives != lives })
	s.after(took, func() {
		if s.lives != lives {
			return // the process has died meanwhile
		}
		ended = true
		m.handled = m.handled || status == 200
		reason, err := v.settle(context.Background(), new(lazyContext), &cl, history{}, status, v.claims.clock.now(), nil)
		if errors.Is(err, ErrCommitFailed) {
			panic("three lost replies in a row are settled all the same: " + string(reason))
		}
		answer(status)
	})
}

// keep renews the lease of a claim until over says so, as a keeper does. Some processes are frozen
// for a while.
func (s *simulation) keep(v *Verifier, m *simMessage, cl *claim, leaseEnd int64, over func() bool) {
	pause := renewAfter + s.between(0, sweepPause)
	if s.chance(0.02) {
		pause = s.between(5*time.Second, 40*time.Second)
	}
	s.after(pause, func() {
		now := v.claims.clock.now().milli()
		if over() || leaseEnd == v.claims.lastEnd(&cl.rec) || now >= leaseEnd-stopBefore.Milliseconds() {
			return // its handler has ended, or is stopped
		}
		until := time.Now().Add(shortLease)
		next, outcome := v.claims.renew(cl, leaseEnd)
		switch outcome {
		case renewed:
			s.renewals++
			if m.open && m.leaseUntil.Before(until) {
				m.leaseUntil = until.Add(-time.Duration(now+v.claims.lease-next) * time.Millisecond)
			}
		case leaseLost:
			if s.losses == 0 {
				s.reruns++
			}
			return
		case settledNow:
			return
		case notRenewed:
		}
		s.keep(v, m, cl, next, over)
	})
}

// probe is an attempt of another host of the sender.
func (s *simulation) probe(m *simMessage) {
	a := &simAttempt{m: m, stamp: time.Now().Add(m.offset).Truncate(time.Second)}
	m.captured = append(m.captured, a)
	s.present(a, s.rng.IntN(len(s.nodes)), func(int) {})
}

func TestTheAttackerSimulationFindsNoRerun(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]simConfig{
		"a durable store":                            {messages: 18_000},
		"Remember is short: the window alone":        {messages: 8_000, remember: time.Second},
		"a store that forgets, restarted 40 times":   {messages: 12_000, restarts: 40},
		"Remember between the window and the sender": {messages: 4_000, remember: 30 * time.Minute},
		"a store that loses everything 40 times":     {messages: 8_000, losses: 40},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := simulate(t, cfg)
			t.Logf("%+v", got)
			if got.reruns != 0 {
				t.Errorf("%d attempts ran again", got.reruns)
			}
			if got.blocked != 0 || got.renewals == 0 {
				t.Errorf("%d newer attempts were refused though nobody had the lease; %d renewals", got.blocked, got.renewals)
			}
			if got.lost != 0 {
				t.Errorf("%d messages of a retrying sender were lost", got.lost)
			}
			if got.verified < 10*cfg.messages/simulationShare() || got.byReplay == 0 || got.acknowledged == 0 {
				t.Error("too little happened to prove anything")
			}
			if cfg.remember == 0 && cfg.restarts+cfg.losses == 0 && got.forgotten != 0 {
				t.Errorf("%d redeliveries were not recognised", got.forgotten)
			}
		})
	}
}

func TestTheAttackerSimulationFindsEachBrokenRule(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		mutant mutant
		simConfig
	}{
		"life counts from arrival":       {lifeFromArrival, simConfig{remember: time.Second}},
		"no margin for skew":             {noMargin, simConfig{remember: time.Second}},
		"a redelivery does not touch":    {noTouch, simConfig{}},
		"a release deletes":              {releaseDeletes, simConfig{messages: 16_000}},
		"a claim lives for its lease":    {leaseIsLife, simConfig{}},
		"a cold start is taken for none": {noColdStart, simConfig{restarts: 40}},
		"renewals do not count":          {noRenewal, simConfig{}},
		"a loss is taken for none":       {noColdStart, simConfig{losses: 40}},
		"a loss is found out too late":   {noSecondLook, simConfig{losses: 40}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if !tt.mutant.runs(t) {
				return
			}
			tt.messages = max(tt.messages, 4_000)
			got := simulate(t, tt.simConfig)
			t.Logf("%+v", got)
			if got.reruns == 0 {
				t.Error("the simulation did not find the rerun")
			}
		})
	}
}

// TestWhatFailingHandlersLose compares the responses to unhandled messages with
// those of an ideal receiver, which runs the handler at each attempt until it
// succeeds. No attacker takes part.
func TestWhatFailingHandlersLose(t *testing.T) {
	t.Parallel()
	const messages = 20_000
	tests := []struct {
		name     string
		gaps     []time.Duration // between the attempts
		signOnce bool            // the same bytes each time
	}{
		{
			name: "a sender that takes a 4xx as final, its hosts' clocks apart",
			gaps: []time.Duration{300 * time.Millisecond, 5 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute},
		},
		{
			name: "a sender that signs once",
			gaps: []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute}, signOnce: true,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var ideal, ours, conflict int
			synctest.Test(t, func(t *testing.T) {
				store := newMapStore()
				clock := time.Now()
				c := &Must(New(Secrets(claimSecret), store, &Config{Clock: func() time.Time { return clock }})).claims
				rng := rand.New(rand.NewPCG(1, 2))
				for i := range messages {
					fails := make([]bool, len(tt.gaps)+1) // by run
					for j := range fails {
						fails[j] = rng.Float64() < 0.4
					}
					if !slices.Contains(fails, false) {
						ideal++
					}
					var key Key
					binary.BigEndian.PutUint64(key[:], uint64(i)+1)
					began, runs, handled, refused, final := clock, 0, false, false, false
					for k := 0; k <= len(tt.gaps) && !handled; k++ {
						stamp := clock.Truncate(time.Second)
						if tt.signOnce {
							stamp = began.Truncate(time.Second)
						} else if rng.Float64() < 0.3 {
							stamp = stamp.Add(-2 * time.Second) // the other host
						}
						live, _ := c.peek(t.Context(), key)
						rec, _ := decode(live)
						// The result if an attempt that is not newer got 409 after a failure.
						refused = refused || rec.state == Released && stamp.UnixMilli() <= rec.mark
						var cl claim
						verdict, err := c.claim(t.Context(), new(lazyContext), &identity{message: key}, &cl, stamp.UnixMilli(), c.clock.now())
						switch {
						case err != nil || verdict == redelivery || verdict == replaySame || verdict == replayOlder:
							t.Fatalf("an unhandled message was answered %d, %v", verdict, err)
						case verdict == run:
							clock = clock.Add(time.Duration(rng.Int64N(int64(200 * time.Millisecond))))
							if fails[runs] {
								err = c.release(t.Context(), new(lazyContext), &cl, history{}, c.clock.now(), nil)
							} else {
								handled, final = true, !refused
								err = c.commit(t.Context(), new(lazyContext), &cl, 200, c.clock.now(), nil)
							}
							runs++
							if err != nil {
								t.Fatal(err)
							}
						}
						if k < len(tt.gaps) {
							clock = clock.Add(tt.gaps[k])
						}
					}
					if !handled {
						ours++
					}
					if !final {
						conflict++
					}
				}
			})
			t.Logf("lost of %d messages: ideal receiver %d, ours %d, with a 409 %d", messages, ideal, ours, conflict)
			if ours > ideal+messages/500 {
				t.Errorf("lost %d messages, an ideal receiver %d", ours, ideal)
			}
			if conflict < 5*ours {
				t.Error("these senders do not exercise the rule")
			}
		})
	}
}
