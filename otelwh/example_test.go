package otelwh_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/nethttp"
	"github.com/hookonce/hookonce/otelwh"
	"github.com/hookonce/hookonce/stores/memstore"
)

// A program exports to a collector with metric.NewPeriodicReader. This example
// uses a manual reader instead.
func ExampleNew() {
	reader := metric.NewManualReader()
	observe, err := otelwh.New(&otelwh.Config{
		MeterProvider: metric.NewMeterProvider(metric.WithReader(reader)),
	})
	if err != nil {
		panic(err)
	}
	v := core.Must(core.New(core.Secrets(core.GenerateSecret()), memstore.New(), &core.Config{Observe: observe}))
	hook := nethttp.New(v)(http.NotFoundHandler())
	hook.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/hook", nil)) // unsigned

	var data metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &data); err != nil {
		panic(err)
	}
	for _, m := range data.ScopeMetrics[0].Metrics {
		if sum, ok := m.Data.(metricdata.Sum[int64]); ok && m.Name == "hookonce.attempts" {
			reason, _ := sum.DataPoints[0].Attributes.Value("hookonce.reason")
			fmt.Println(m.Name, reason.AsString(), sum.DataPoints[0].Value)
		}
	}
	// Output: hookonce.attempts missing-header 1
}
