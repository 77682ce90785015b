package observe_test

import (
	"context"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"

	"github.com/hookonce/hookonce/core"
)

const minute = time.Minute

// simulation is a Prometheus server with a clock of its own. It scrapes a process once a minute and
// keeps the samples.
type simulation struct {
	tb      testing.TB
	process *process
	sources int
	now     time.Time
	samples map[string]*kept
	engine  *promql.Engine
}

type kept struct {
	labels  labels.Labels
	samples []chunks.Sample
}

func newSimulation(tb testing.TB, sources int) *simulation {
	tb.Helper()
	return &simulation{
		tb: tb, process: newProcess(tb, sources), sources: sources, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), samples: map[string]*kept{},
		engine: promql.NewEngine(promql.EngineOpts{
			MaxSamples: 1e6, Timeout: minute, LookbackDelta: 5 * minute, EnableAtModifier: true, EnableNegativeOffset: true,
			Parser: parser.NewParser(parser.Options{}),
		}),
	}
}

// restart replaces the process by a new one, whose counters begin at zero.
func (s *simulation) restart() { s.process = newProcess(s.tb, s.sources) }

// step lets the process observe events, scrapes it, and advances the clock by a minute.
func (s *simulation) step(events ...core.Event) {
	s.tb.Helper()
	for _, e := range events {
		s.process.observe(context.Background(), e)
	}
	s.now = s.now.Add(minute)
	for _, sample := range s.process.scrape(s.tb) {
		b := labels.NewBuilder(labels.FromStrings("job", "app", "instance", "1"))
		for name, value := range sample.Metric {
			b.Set(string(name), string(value))
		}
		l := b.Labels()
		if s.samples[l.String()] == nil {
			s.samples[l.String()] = &kept{labels: l}
		}
		k := s.samples[l.String()]
		k.samples = append(k.samples, point{s.now.UnixMilli(), float64(sample.Value)})
	}
}

func (s *simulation) query(expr string) promql.Vector {
	s.tb.Helper()
	q, err := s.engine.NewInstantQuery(context.Background(), s, nil, expr, s.now)
	if err != nil {
		s.tb.Fatalf("%v\n%s", err, expr)
	}
	defer q.Close()
	result := q.Exec(context.Background())
	v, err := result.Vector()
	if err != nil {
		s.tb.Fatalf("%v\n%s", err, expr)
	}
	return append(promql.Vector(nil), v...)
}

// Querier makes a simulation the storage of the engine.
func (s *simulation) Querier(mint, maxt int64) (storage.Querier, error) {
	return querier{s, mint, maxt}, nil
}

type querier struct {
	*simulation
	mint, maxt int64
}

func (q querier) Select(_ context.Context, _ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	set := &seriesSet{at: -1}
	for _, k := range q.samples {
		if matches(k.labels, matchers) {
			set.all = append(set.all, storage.NewListSeries(k.labels, between(k.samples, q.mint, q.maxt)))
		}
	}
	return set
}

func matches(l labels.Labels, matchers []*labels.Matcher) bool {
	for _, m := range matchers {
		if !m.Matches(l.Get(m.Name)) {
			return false
		}
	}
	return true
}

func between(all []chunks.Sample, mint, maxt int64) []chunks.Sample {
	var some []chunks.Sample
	for _, s := range all {
		if mint <= s.T() && s.T() <= maxt {
			some = append(some, s)
		}
	}
	return some
}

func (querier) LabelValues(context.Context, string, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

func (querier) LabelNames(context.Context, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

func (querier) Close() error { return nil }

type seriesSet struct {
	all []storage.Series
	at  int
}

func (s *seriesSet) Next() bool                      { s.at++; return s.at < len(s.all) }
func (s *seriesSet) At() storage.Series              { return s.all[s.at] }
func (*seriesSet) Err() error                        { return nil }
func (*seriesSet) Warnings() annotations.Annotations { return nil }

// point is a sample.
type point struct {
	t int64
	f float64
}

func (p point) T() int64                    { return p.t }
func (point) ST() int64                     { return 0 }
func (p point) F() float64                  { return p.f }
func (point) H() *histogram.Histogram       { return nil }
func (point) FH() *histogram.FloatHistogram { return nil }
func (point) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (p point) Copy() chunks.Sample         { return p }
