package observe_test

import (
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/hookonce/hookonce/core"
)

// rules reads alerts.yml as Prometheus does, templates included.
func rules(tb testing.TB) []rulefmt.Rule {
	tb.Helper()
	text, err := os.ReadFile("../../otelwh/alerts.yml")
	if err != nil {
		tb.Fatal(err)
	}
	file, errs := rulefmt.Parse(text, false, model.LegacyValidation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	if len(errs) != 0 || len(file.Groups) != 1 {
		tb.Fatal(errs, file)
	}
	return file.Groups[0].Rules
}

func attempt(r core.Reason, source string, status int) core.Event {
	e := core.Event{Reason: r, Scheme: "standard", Method: "POST", Source: source, Status: status, Keys: 1, Body: 1, Check: 1, BodyBytes: 10}
	switch r {
	case core.ErrMalformed, core.ErrMissingHeader, core.ErrOutsideWindow:
		e.Source, e.Keys, e.Body, e.Check = "", 0, 0, 0
	case core.ErrNoMatch, core.ErrUnknownSource, core.ErrKeysUnavailable:
	case core.Handled, core.ErrHandlerFailed, core.ErrClaimLost, core.ErrCommitFailed:
		e.KeyID, e.Store, e.Handler = "key-1", 1, 1
	default:
		e.KeyID, e.Store = "key-1", 1
	}
	return e
}

func good(source string) core.Event     { return attempt(core.Handled, source, 200) }
func refused(source string) core.Event  { return attempt(core.ErrNoMatch, source, 401) }
func failed(source string) core.Event   { return attempt(core.ErrHandlerFailed, source, 500) }
func noStore(source string) core.Event  { return attempt(core.ErrStoreUnavailable, source, 503) }
func noKeys(source string) core.Event   { return attempt(core.ErrKeysUnavailable, source, 503) }
func lost(source string) core.Event     { return attempt(core.ErrClaimLost, source, 200) }
func consumed(source string) core.Event { return attempt(core.ErrBodyConsumed, source, 500) }

func times(n int, e core.Event) []core.Event { return slices.Repeat([]core.Event{e}, n) }

func TestEachAlertFiresWhenItShould(t *testing.T) {
	t.Parallel()
	hour := func(s *simulation, watch func()) {
		for range 60 {
			s.step(good("acme"), good("globex"))
			watch()
		}
	}
	for _, c := range []struct {
		name    string
		sources int
		run     func(s *simulation, watch func())
		want    string // the alerts that fired, in order of their names
	}{
		{"nothing happens", 0, func(s *simulation, watch func()) {
			for range 60 {
				s.step()
				watch()
			}
		}, ""},
		{"all is well", 0, func(s *simulation, watch func()) { hour(s, watch); hour(s, watch) }, ""},
		{"a restart, and all is well", 0, func(s *simulation, watch func()) { hour(s, watch); s.restart(); hour(s, watch) }, ""},
		{"a stranger floods beside genuine messages", 0, func(s *simulation, watch func()) {
			hour(s, watch)
			for range 60 {
				s.step(append(times(50, refused("acme")), good("acme"), attempt(core.ErrMissingHeader, "", 400))...)
				watch()
			}
		}, ""},
		{"strangers knock where nothing was ever verified", 0, func(s *simulation, watch func()) {
			for range 60 {
				s.step(refused("acme"))
				watch()
			}
		}, ""},
		{"the sender signs with another secret", 0, func(s *simulation, watch func()) {
			hour(s, watch)
			for range 60 {
				s.step(refused("acme"))
				watch()
			}
		}, "HookonceNothingVerifies"},
		{"one of two tenants signs with another secret", 10, func(s *simulation, watch func()) {
			hour(s, watch)
			for range 60 {
				s.step(refused("acme"), good("globex"))
				watch()
			}
		}, "HookonceNothingVerifies{acme}"},
		{"one of two tenants, which are not counted apart", 0, func(s *simulation, watch func()) {
			hour(s, watch)
			for range 60 {
				s.step(refused("acme"), good("globex"))
				watch()
			}
		}, ""},
		{"the sender is quiet", 10, func(s *simulation, watch func()) {
			hour(s, watch)
			for range 60 {
				s.step(attempt(core.ErrMissingHeader, "", 400))
				watch()
			}
		}, ""},
		{"the store is away, while a stranger floods", 0, func(s *simulation, watch func()) {
			hour(s, watch)
			for range 15 {
				s.step(append(times(500, refused("acme")), noStore("acme"), noStore("globex"))...)
				watch()
			}
		}, "HookonceUnavailable{store-unavailable}"},
		{"the store blinks", 0, func(s *simulation, watch func()) {
			hour(s, watch)
			s.step(times(20, good("acme"))...)
			watch()
			s.step(append(times(20, good("acme")), noStore("acme"))...)
			watch()
			hour(s, watch)
		}, ""},
		{"one visit to the store in forty fails, for an hour", 0, func(s *simulation, watch func()) {
			for range 60 {
				s.step(append(times(39, good("acme")), noStore("acme"))...)
				watch()
			}
		}, ""},
		{"the key source is away", 0, func(s *simulation, watch func()) {
			hour(s, watch)
			for range 15 {
				s.step(noKeys(""), noKeys(""))
				watch()
			}
		}, "HookonceUnavailable{keys-unavailable}"},
		{"one message fails again and again among many", 0, func(s *simulation, watch func()) {
			for range 60 {
				s.step(append(times(20, good("acme")), failed("acme"))...)
				watch()
			}
		}, ""},
		{"every second run fails", 0, func(s *simulation, watch func()) {
			for range 30 {
				s.step(good("acme"), failed("acme"), attempt(core.ErrMissingHeader, "", 400))
				watch()
			}
		}, "HookonceHandlerFailing"},
		{"the very first lost claim", 0, func(s *simulation, watch func()) {
			hour(s, watch)
			s.step(lost("acme"))
			watch()
			hour(s, watch)
		}, "HookonceOutcomeLost{claim-lost}"},
		{"the very first lost claim is still told ten minutes later", 0, func(s *simulation, watch func()) {
			hour(s, func() {})
			s.step(lost("acme"))
			for range 10 {
				s.step(good("acme"))
			}
			watch()
		}, "HookonceOutcomeLost{claim-lost}"},
		{"a second lost claim, hours later", 0, func(s *simulation, _ func()) {
			hour(s, func() {})
			s.step(lost("acme"))
			hour(s, func() {})
			fired := watchAlerts(s)
			for range 20 {
				s.step(good("acme"))
				fired.look()
			}
			if text := fired.text(); text != "" {
				s.tb.Errorf("an hour after the first one: %s", text)
			}
			s.step(lost("acme"))
			fired.look()
			if text := fired.text(); text != "HookonceOutcomeLost{claim-lost}" {
				s.tb.Errorf("the second one: %q", text)
			}
		}, ""},
		{"something consumes the bodies", 0, func(s *simulation, watch func()) {
			hour(s, watch)
			s.step(consumed("acme"))
			watch()
		}, "HookonceMisconfigured{body-consumed}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSimulation(t, c.sources)
			fired := watchAlerts(s)
			c.run(s, fired.look)
			if got := fired.text(); got != c.want {
				t.Errorf("fired: %q, want %q", got, c.want)
			}
		})
	}
}

// watcher does what Prometheus does with the rules: an alert fires when its expression has held for
// as long as the rule says.
type watcher struct {
	s     *simulation
	rules []rulefmt.Rule
	since map[string]time.Time
	fired map[string]bool
}

func watchAlerts(s *simulation) *watcher {
	return &watcher{s: s, rules: rules(s.tb), since: map[string]time.Time{}, fired: map[string]bool{}}
}

func (w *watcher) look() {
	holds := map[string]time.Time{}
	for _, r := range w.rules {
		for _, sample := range w.s.query(r.Expr) {
			name := r.Alert
			if of := sample.Metric.Get("hookonce_source") + sample.Metric.Get("hookonce_reason"); of != "" {
				name += "{" + of + "}"
			}
			holds[name] = w.s.now
			if since, ok := w.since[name]; ok {
				holds[name] = since
			}
			if w.s.now.Sub(holds[name]) >= time.Duration(r.For) {
				w.fired[name] = true
			}
		}
	}
	w.since = holds
}

func (w *watcher) text() string { return strings.Join(slices.Sorted(maps.Keys(w.fired)), " ") }
