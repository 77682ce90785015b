// Package observe_test reads the export of otelwh as a Prometheus server does,
// evaluates the alerts on it and checks the dashboard. It is a module of its
// own because the PromQL engine has many dependencies.
package observe_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/otelwh"
)

// process is a program with an observer and the real exporter behind HTTP.
type process struct {
	observe func(context.Context, core.Event)
	url     string
}

func newProcess(tb testing.TB, sources int) *process {
	tb.Helper()
	registry := prometheus.NewRegistry()
	exporter, err := otelprom.New(otelprom.WithRegisterer(registry))
	if err != nil {
		tb.Fatal(err)
	}
	observe, err := otelwh.New(&otelwh.Config{
		MeterProvider: metric.NewMeterProvider(metric.WithReader(exporter)), TracerProvider: noop.NewTracerProvider(), Sources: sources,
	})
	if err != nil {
		tb.Fatal(err)
	}
	srv := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError}))
	tb.Cleanup(srv.Close)
	return &process{observe: observe, url: srv.URL}
}

// scrape fetches and parses the text, and returns each sample with its labels.
func (p *process) scrape(tb testing.TB) model.Vector {
	tb.Helper()
	resp, err := http.Get(p.url)
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		tb.Fatal(resp.Status, err)
	}
	var all model.Vector
	for name, family := range families {
		samples, err := expfmt.ExtractSamples(&expfmt.DecodeOptions{Timestamp: model.Now()}, family)
		if err != nil {
			tb.Fatal(name, err)
		}
		all = append(all, samples...)
	}
	return all
}
