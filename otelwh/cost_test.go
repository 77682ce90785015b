package otelwh_test

import (
	"context"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/otelwh"
)

func handled() core.Event {
	return core.Event{
		Reason: core.Handled, Method: "POST", Path: "/hook", Scheme: "standard", Source: "acme", KeyID: "key-1", MessageID: "msg_1",
		Timestamp: time.Unix(1767323045, 0), Generation: 1, Status: 200, BodyBytes: 300,
		Keys: time.Microsecond, Body: 20 * time.Microsecond, Check: 5 * time.Microsecond, Store: 300 * time.Microsecond, Handler: 9 * time.Millisecond,
	}
}

func metricsAlone(tb testing.TB) func(context.Context, core.Event) {
	tb.Helper()
	observe, err := otelwh.New(&otelwh.Config{
		MeterProvider: metric.NewMeterProvider(metric.WithReader(metric.NewManualReader())), TracerProvider: noop.NewTracerProvider(), Sources: 10,
	})
	if err != nil {
		tb.Fatal(err)
	}
	return observe
}

func withSpans(tb testing.TB, sampler trace.Sampler) func(context.Context, core.Event) {
	tb.Helper()
	observe, err := otelwh.New(&otelwh.Config{
		MeterProvider:  metric.NewMeterProvider(metric.WithReader(metric.NewManualReader())),
		TracerProvider: trace.NewTracerProvider(trace.WithSampler(sampler), trace.WithSyncer(tracetest.NewNoopExporter())), Sources: 10,
	})
	if err != nil {
		tb.Fatal(err)
	}
	return observe
}

// TestTheAllocationsOfAnObserver is not parallel: it counts the allocations of the process. A
// request waits for its observer.
func TestTheAllocationsOfAnObserver(t *testing.T) {
	for _, c := range []struct {
		name    string
		observe func(context.Context, core.Event)
		budget  float64
	}{
		{"metrics alone", metricsAlone(t), 3}, // all for starting a span that is not recorded; the metrics need none
		{"a span that is not sampled", withSpans(t, trace.NeverSample()), 4},
		{"a span that is sampled, and that of its handler", withSpans(t, trace.AlwaysSample()), 32}, // most of them are the SDK's
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, e := context.Background(), handled()
			c.observe(ctx, e) // makes the attributes
			if got := testing.AllocsPerRun(200, func() { c.observe(ctx, e) }); got > c.budget {
				t.Errorf("%v allocations, the budget is %v", got, c.budget)
			}
		})
	}
}

func BenchmarkObserve(b *testing.B) {
	for _, c := range []struct {
		name    string
		observe func(context.Context, core.Event)
	}{
		{"metrics", metricsAlone(b)},
		{"span-not-sampled", withSpans(b, trace.NeverSample())},
		{"span-sampled", withSpans(b, trace.AlwaysSample())},
	} {
		b.Run(c.name, func(b *testing.B) {
			ctx, e := context.Background(), handled()
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					c.observe(ctx, e)
				}
			})
		})
	}
}
