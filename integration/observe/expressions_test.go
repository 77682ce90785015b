package observe_test

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/hookonce/hookonce/core"
)

// expression is an expression of the dashboard or of a rule, with the texts that show labels of its
// result.
type expression struct {
	where, expr string
	texts       []string
}

// TestExpressionsUseWhatIsExported compares the dashboard and the alerts with what the exporter
// really serves.
func TestExpressionsUseWhatIsExported(t *testing.T) {
	t.Parallel()
	exported := everything(t)
	used := map[string]bool{}
	all := append(dashboard(t), alerts(t)...)
	if len(all) < 25 {
		t.Errorf("%d expressions: has the form of the files changed?", len(all))
	}
	for _, e := range all {
		root, err := parser.NewParser(parser.Options{}).ParseExpr(e.expr)
		if err != nil {
			t.Errorf("%s: %v\n%s", e.where, err, e.expr)
			continue
		}
		known := map[string]bool{}
		for _, matchers := range parser.ExtractSelectors(root) {
			var metric string
			for _, m := range matchers {
				if m.Name == model.MetricNameLabel {
					metric = m.Value
				}
			}
			labels, ok := exported[metric]
			if !ok {
				t.Errorf("%s: no metric %q is exported", e.where, metric)
			}
			used[metric] = true
			maps.Copy(known, labels)
			for _, m := range matchers {
				if m.Name != model.MetricNameLabel && !labels[m.Name] {
					t.Errorf("%s: %s has no label %q", e.where, metric, m.Name)
				}
			}
		}
		for _, label := range slices.Concat(grouping(root), shown(e.texts)) {
			if !known[label] {
				t.Errorf("%s: no label %q in %s", e.where, label, e.expr)
			}
		}
		for _, label := range shown(e.texts) {
			if !slices.Contains(grouping(root), label) {
				t.Errorf("%s: shows %q, and the result does not have it: %s", e.where, label, e.expr)
			}
		}
	}
	for metric := range exported {
		name := strings.TrimSuffix(metric, "_sum")
		if strings.HasPrefix(metric, "hookonce_") && !used[metric] && !used[strings.TrimSuffix(name, "_count")+"_bucket"] {
			t.Errorf("%s is exported, and nothing shows it", metric)
		}
	}
}

// everything returns each exported metric with its labels, after every possible event.
func everything(t *testing.T) map[string]map[string]bool {
	t.Helper()
	p := newProcess(t, 10)
	for _, r := range []core.Reason{
		core.ErrMalformed, core.ErrMissingHeader, core.ErrOutsideWindow, core.ErrUnknownSource, core.ErrNoMatch, core.ErrBodyTooLarge,
		core.ErrBodyTooSlow, core.ErrBodyConsumed, core.ErrMisconfigured, core.ErrKeysUnavailable, core.ErrStoreUnavailable, core.ErrStoreFull,
		core.ErrColdStart, core.ErrReplay, core.ErrRedelivery, core.ErrInFlight,
		core.Handled, core.ErrHandlerFailed, core.ErrClaimLost, core.ErrCommitFailed,
	} {
		e := core.Event{
			Reason: r, Method: "POST", Scheme: "standard", Source: "acme", KeyID: "key-1", Status: 200, BodyBytes: 1, ReportOnly: true,
			Keys: time.Second, Body: time.Second, Check: time.Second, Store: time.Second, Handler: time.Second,
		}
		p.observe(t.Context(), e)
	}
	all := map[string]map[string]bool{}
	for _, sample := range p.scrape(t) {
		name := string(sample.Metric[model.MetricNameLabel])
		if all[name] == nil {
			all[name] = map[string]bool{"job": true, "instance": true} // Prometheus adds them
		}
		for label := range sample.Metric {
			all[name][string(label)] = true
		}
	}
	return all
}

// grouping returns every label by which an expression aggregates or joins.
func grouping(root parser.Node) []string {
	var labels []string
	parser.Inspect(root, func(n parser.Node, _ []parser.Node) error {
		switch n := n.(type) {
		case *parser.AggregateExpr:
			labels = append(labels, n.Grouping...)
		case *parser.BinaryExpr:
			if n.VectorMatching != nil {
				labels = append(labels, n.VectorMatching.MatchingLabels...)
				labels = append(labels, n.VectorMatching.Include...)
			}
		}
		return nil
	})
	return labels
}

// shown returns the labels in a legend or an annotation.
func shown(texts []string) []string {
	var labels []string
	for _, text := range texts {
		for _, m := range regexp.MustCompile(`\{\{\s*(?:\$labels\.)?([a-z_]+)\s*\}\}`).FindAllStringSubmatch(text, -1) {
			labels = append(labels, m[1])
		}
	}
	return labels
}

func alerts(t *testing.T) []expression {
	t.Helper()
	document, err := os.ReadFile("../../docs/observing.md")
	if err != nil {
		t.Fatal(err)
	}
	var all []expression
	for _, r := range rules(t) {
		all = append(all, expression{r.Alert, r.Expr, slices.Collect(maps.Values(r.Annotations))})
		anchor := "#" + strings.ToLower(r.Alert)
		if !strings.HasSuffix(r.Annotations["runbook_url"], "/docs/observing.md"+anchor) || !strings.Contains(string(document), "\n### "+r.Alert+"\n") {
			t.Errorf("%s: the page does not say what to do", r.Alert)
		}
		if r.Labels["severity"] == "" || r.Annotations["summary"] == "" {
			t.Errorf("%s: no severity or summary", r.Alert)
		}
	}
	if len(all) != 5 {
		t.Errorf("%d alerts", len(all))
	}
	return all
}

// dashboard reads the expressions of the panels, and replaces variables as Grafana does.
func dashboard(t *testing.T) []expression {
	t.Helper()
	text, err := os.ReadFile("../../otelwh/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	type source struct{ Type, UID string }
	var d struct {
		Title         string
		SchemaVersion int
		Templating    struct {
			List []struct {
				Name, Type, Definition string
				Query                  any
			}
		}
		Panels []struct {
			ID         int
			Type       string
			Title      string
			Datasource source
			GridPos    struct{ X, Y, W, H int }
			Targets    []struct {
				RefID, Expr, LegendFormat string
				Datasource                source
			}
		}
	}
	if err := json.Unmarshal(text, &d); err != nil || d.SchemaVersion < 39 {
		t.Fatal(err, d.SchemaVersion)
	}
	variables := map[string]bool{"__rate_interval": true, "__range": true}
	var all []expression
	for _, v := range d.Templating.List {
		variables[v.Name] = true
		if m := regexp.MustCompile(`^label_values\((.+), ([a-z_]+)\)$`).FindStringSubmatch(v.Definition); m != nil {
			all = append(all, expression{"variable " + v.Name, "count by (" + m[2] + ") (" + m[1] + ")", nil})
		} else if v.Type != "datasource" {
			t.Errorf("variable %s: %q", v.Name, v.Definition)
		}
	}
	ids := map[int]bool{}
	taken := map[[2]int]string{}
	for _, p := range d.Panels {
		if ids[p.ID] {
			t.Errorf("%s: id %d is taken", p.Title, p.ID)
		}
		ids[p.ID] = true
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				cell := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				if other := taken[cell]; other != "" || cell[0] >= 24 {
					t.Fatalf("%s lies over %q, or beyond the edge", p.Title, other)
				}
				taken[cell] = p.Title
			}
		}
		if p.Type != "row" && (p.Datasource != source{"prometheus", "${datasource}"} || len(p.Targets) == 0) {
			t.Errorf("%s: data source %v, %d targets", p.Title, p.Datasource, len(p.Targets))
		}
		for _, target := range p.Targets {
			all = append(all, expression{"panel " + p.Title + " " + target.RefID, target.Expr, []string{target.LegendFormat}})
		}
	}
	for i, e := range all {
		all[i].expr = regexp.MustCompile(`\$(\w+)`).ReplaceAllStringFunc(e.expr, func(name string) string {
			switch {
			case !variables[name[1:]]:
				t.Errorf("%s: no variable %s", e.where, name)
				return ".*"
			case strings.HasPrefix(name, "$__"):
				return "5m"
			default:
				return ".*"
			}
		})
	}
	return all
}

// TestEveryPanelShowsSomething evaluates each expression after an hour of every possible event.
func TestEveryPanelShowsSomething(t *testing.T) {
	t.Parallel()
	s := newSimulation(t, 10)
	for range 10 {
		s.step(good("acme"), refused("acme"), failed("acme"), noStore("acme"), noKeys("acme"), lost("acme"), consumed("acme"),
			attempt(core.ErrRedelivery, "acme", 200), attempt(core.ErrReplay, "acme", 409), attempt(core.ErrBodyTooLarge, "acme", 413))
	}
	for _, e := range dashboard(t) {
		result := s.query(e.expr)
		if len(result) == 0 {
			t.Errorf("%s: nothing", e.where)
		}
		for _, sample := range result {
			if !(sample.F >= 0) {
				t.Errorf("%s: %v", e.where, sample)
			}
		}
	}
}
