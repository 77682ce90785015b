package proxies_test

import (
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
	sender  *sender
	shape   string
	sent    *core.Request
	status  int // that the sender was told
	arrived *arrival
	changed changes
	signed  changes // those of changed that count
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
	for _, f := range frameworks() {
		r.outcomes = append(r.outcomes, in.run(t, f, false)...)
		if in.cure == wholeURL {
			r.cured = append(r.cured, in.run(t, f, true)...)
		}
	}
	return r
}

// run sends every shape of every sender through the intermediary.
func (in *intermediary) run(t *testing.T, f framework, whole bool) (all []outcome) {
	t.Helper()
	to := f.start(t, whole)
	addr := in.start(t, to)
	deliver := send
	if in.follow {
		deliver = follow
	}
	who := senders()
	for _, s := range shapes() {
		for i := range who {
			if !s.sentBy(&who[i]) {
				continue
			}
			event := len(all)
			o := outcome{sender: &who[i], shape: s.name, sent: s.request(event)}
			if err := o.sender.sign(o.sent, time.Now()); err != nil {
				t.Fatalf("%s, %s: %v", o.sender.name, s.name, err)
			}
			id := strconv.Itoa(event)
			headers(o.sent)[endpointHeader], headers(o.sent)[caseHeader] = []string{endpoint(o.sender, s.target)}, []string{id}
			var err error
			if o.status, err = deliver(t.Context(), addr, wire{o.sent, s.chunked, s.trailer}); err != nil {
				t.Fatalf("%s, %s: %v", o.sender.name, s.name, err)
			}
			if o.status == hangs {
				all = append(all, o)
				break // it would hang for the other senders too
			}
			if o.arrived = to.take(t, id, in.wait(o.status)); o.arrived != nil {
				scheme, _ := o.sender.scheme(public)
				o.changed = compare(o.sent, o.arrived)
				o.signed = o.changed.signed(o.sender, slices.Concat(core.FactsOf(scheme).Headers...))
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
		one, other := r.outcomes[:len(r.outcomes)/2], r.outcomes[len(r.outcomes)/2:]
		for j := range one {
			if a, b := &one[j], &other[j]; a.became() != b.became() {
				t.Errorf("%s, %s: %s of %s was %s in front of net/http, and %s in front of fiber", r.name, r.setting, a.shape, a.sender.name, a.became(), b.became())
			} else if a.refused() && words(a.arrived.found) != words(b.arrived.found) {
				t.Errorf("%s, %s: of %s of %s explain says %s in front of net/http, and %s in front of fiber",
					r.name, r.setting, a.shape, a.sender.name, words(a.arrived.found), words(b.arrived.found))
			}
		}
	}
}

// inspectCure holds that the cure cures: all is handled, and the sender is told so.
func (r *row) inspectCure(t *testing.T, rows []row) {
	t.Helper()
	outcomes := r.cured
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
