package proxies_test

import (
	"iter"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/integration/services"
)

// outcome is what became of one request.
type outcome struct {
	framework int
	sender    *sender
	shape     string
	sent      *core.Request
	status    int // that the sender was told
	arrived   *arrival
	changed   changes
	signed    changes // those of changed that count
}

func (o *outcome) handled() bool { return o.arrived != nil && o.arrived.handled }

// refused reports whether the receiver saw the request and refused it.
func (o *outcome) refused() bool { return o.arrived != nil && !o.arrived.handled }

// became is what became of it, in words.
func (o *outcome) became() string {
	switch {
	case o.handled():
		return "handled"
	case o.refused():
		return "refused for " + words(o.arrived.found)
	}
	return "stopped"
}

// forget drops the bodies, of which there are many.
func (o *outcome) forget() {
	if o.sent.Body = nil; o.arrived != nil {
		o.arrived.body = nil
	}
}

// row is what was seen of an intermediary.
type row struct {
	intermediary

	outcomes []outcome
	cured    []outcome // under wholeURL
}

func TestWhatProxiesDoToSignedRequests(t *testing.T) {
	if testing.Short() {
		t.Skip("starts all proxies: run `make test-all`")
	}
	rows := make([]row, len(intermediaries()))
	try := func(t *testing.T, i int, in intermediary) {
		t.Helper()
		t.Run(in.name+" "+in.setting, func(t *testing.T) {
			t.Parallel()
			rows[i] = in.watch(t)
		})
	}
	t.Run("installed", func(t *testing.T) {
		for i, in := range intermediaries() {
			if in.script == "" {
				try(t, i, in)
			}
		}
	})
	t.Run("node", func(t *testing.T) {
		modules := services.NodeModules(t, ".", "proxy.mjs")
		for i, in := range intermediaries() {
			if in.script != "" {
				in.start = func(t *testing.T, to *receiver) string {
					t.Helper()
					return services.StartNode(t, modules, in.script, to.addr).Addr
				}
				try(t, i, in)
			}
		}
	})
	if t.Failed() {
		return
	}
	record(t, rows)
	if slices.ContainsFunc(rows, func(r row) bool { return len(r.outcomes) == 0 }) {
		t.Skip("not every proxy was started, so docs/proxies.md is not compared")
	}
	inspect(t, rows)
	publish(t, rows)
}

// watch sends every request through the intermediary, to both frameworks.
func (in *intermediary) watch(t *testing.T) row {
	t.Helper()
	r := row{intermediary: *in}
	for turn := range frameworks() {
		r.outcomes = append(r.outcomes, in.run(t, turn, false)...)
		if in.cure == wholeURL {
			r.cured = append(r.cured, in.run(t, turn, true)...)
		}
	}
	return r
}

// run sends what each sender sends to the framework of this turn. whole gives
// every scheme the whole URL, and leaves out the names that sign no URL: to them
// that makes no difference.
func (in *intermediary) run(t *testing.T, turn int, whole bool) (all []outcome) {
	t.Helper()
	to := frameworks()[turn](t)
	addr := in.start(t, to)
	deliver := send
	if in.follow {
		deliver = follow
	}
	for i, s := range shapes() {
		for j := range senders() {
			who := &senders()[j]
			switch {
			case !s.sentBy(who), whole && who.brief() && !who.signsAddress():
				continue
			case who.brief() && (i+j)%len(frameworks()) != turn:
				continue // the other framework's
			}
			o, id := outcome{framework: turn, sender: who, shape: s.name, sent: s.request(who, len(all))}, strconv.Itoa(len(all))
			scheme, err := who.scheme(who.address(s.target, whole))
			if err == nil {
				err = to.expect(id, who.secret, scheme) // before it is signed: a store refuses what is older than itself
			}
			if err == nil {
				err = who.sign(o.sent, time.Now())
			}
			headers(o.sent)[caseHeader] = []string{id}
			if err == nil {
				o.status, err = deliver(t.Context(), addr, wire{o.sent, s.chunked, s.trailer})
			}
			if err != nil {
				t.Fatalf("%s, %s: %v", who.name, s.name, err)
			}
			if o.status == hangs {
				all = append(all, o)
				break // it would hang for the other senders too
			}
			if o.arrived = to.take(t, id, in.wait(o.status)); o.arrived != nil {
				o.changed = compare(o.sent, o.arrived)
				o.signed = o.changed.signed(who, slices.Concat(core.FactsOf(scheme).Headers...))
			}
			if !o.refused() {
				o.forget()
			}
			all = append(all, o)
		}
	}
	return all
}

// wait is how long a request may still be on its way when the sender has its
// response.
func (in *intermediary) wait(status int) time.Duration {
	switch {
	case in.later:
		return 5 * time.Second
	case status >= 500 || status == closed: // it gave up on the receiver, perhaps
		return 500 * time.Millisecond
	}
	return 0
}

// inspect holds what is true of every row.
func inspect(t *testing.T, rows []row) {
	t.Helper()
	for i := range rows {
		r := &rows[i]
		for j := range r.outcomes {
			o := &r.outcomes[j]
			if !o.refused() {
				continue
			}
			if len(o.signed.list()) == 0 {
				t.Errorf("%s, %s: %s of %s is refused (%s), and nothing that it signs was changed", r.name, r.setting, o.shape, o.sender.name, o.arrived.reason)
			}
			if o.judge() == wronglyProven {
				t.Errorf("%s, %s: %s of %s: explain proves %s, but changed are %v", r.name, r.setting, o.shape, o.sender.name, words(o.arrived.found), o.signed.list())
			}
		}
		r.inspectCure(t, rows)
		for a, b := range r.inBoth() {
			if a.became() != b.became() {
				t.Errorf("%s, %s: %s of %s was %s in front of net/http, and %s in front of fiber", r.name, r.setting, a.shape, a.sender.name, a.became(), b.became())
			} else if a.refused() && words(a.arrived.found) != words(b.arrived.found) {
				t.Errorf("%s, %s: of %s of %s explain says %s in front of net/http, and %s in front of fiber",
					r.name, r.setting, a.shape, a.sender.name, words(a.arrived.found), words(b.arrived.found))
			}
		}
	}
}

// inBoth has what both frameworks were sent.
func (r *row) inBoth() iter.Seq2[*outcome, *outcome] {
	type request struct{ sender, shape string }
	first := make(map[request]*outcome)
	return func(yield func(*outcome, *outcome) bool) {
		for i := range r.outcomes {
			o := &r.outcomes[i]
			which := request{o.sender.name, o.shape}
			if o.framework == 0 {
				first[which] = o
			} else if a := first[which]; a != nil && !yield(a, o) {
				return
			}
		}
	}
}

// inspectCure holds that the cure cures: all is handled, and the sender is told so.
func (r *row) inspectCure(t *testing.T, rows []row) {
	t.Helper()
	outcomes := r.cured
	for i := range r.outcomes { // those that run leaves out of the cure
		if o := &r.outcomes[i]; r.cure == wholeURL && o.sender.brief() && !o.sender.signsAddress() {
			outcomes = append(outcomes, *o)
		}
	}
	if r.cure != "" && r.cure != wholeURL {
		at := slices.IndexFunc(rows, func(o row) bool { return o.name == r.name && o.setting == r.cure })
		if at < 0 {
			t.Errorf("%s, %s: the cure %q was not run", r.name, r.setting, r.cure)
			return
		}
		outcomes = rows[at].outcomes
	}
	for i := range outcomes {
		o := &outcomes[i]
		stopped := r.cure == wholeURL && o.arrived == nil // by the proxy: that is no matter of the URL
		if !stopped && !slices.Contains(r.but, o.shape) && (!o.handled() || o.status != http.StatusOK) {
			t.Errorf("%s, %s: with the cure %q, %s of %s is not handled: the sender is told %d", r.name, r.setting, r.cure, o.shape, o.sender.name, o.status)
		}
	}
}
