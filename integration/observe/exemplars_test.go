package observe_test

import (
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/otelwh"
)

// TestExemplarsLeadToTheSpanOfTheAttempt: a slow bucket leads to the trace of an attempt that it
// counts.
func TestExemplarsLeadToTheSpanOfTheAttempt(t *testing.T) {
	t.Parallel()
	reader, spans := metric.NewManualReader(), tracetest.NewSpanRecorder()
	observe, err := otelwh.New(&otelwh.Config{
		MeterProvider:  metric.NewMeterProvider(metric.WithReader(reader)),
		TracerProvider: trace.NewTracerProvider(trace.WithSpanProcessor(spans)),
	})
	if err != nil {
		t.Fatal(err)
	}
	observe(t.Context(), core.Event{Reason: core.Handled, Scheme: "standard", Handler: 100 * time.Microsecond})

	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	want := spans.Ended()[0].SpanContext().SpanID()
	for _, m := range all.ScopeMetrics[0].Metrics {
		if h, ok := m.Data.(metricdata.Histogram[float64]); ok {
			if e := h.DataPoints[0].Exemplars; len(e) != 1 || string(e[0].SpanID) != string(want[:]) {
				t.Errorf("%s: exemplars %v, want one of span %v", m.Name, e, want)
			}
			return
		}
	}
	t.Error("no histogram")
}
