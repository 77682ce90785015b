package otelwh_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/nethttp"
	"github.com/hookonce/hookonce/otelwh"
	"github.com/hookonce/hookonce/stores/memstore"
)

// reasons is the closed set.
var reasons = []core.Reason{
	core.ErrMalformed, core.ErrMissingHeader, core.ErrOutsideWindow, core.ErrUnknownSource, core.ErrNoMatch, core.ErrBodyTooLarge,
	core.ErrBodyTooSlow, core.ErrBodyConsumed, core.ErrMisconfigured, core.ErrKeysUnavailable, core.ErrStoreUnavailable, core.ErrStoreFull,
	core.ErrColdStart, core.ErrReplay, core.ErrRedelivery, core.ErrRepeated, core.ErrIDReused, core.ErrInFlight,
	core.Handled, core.ErrHandlerFailed, core.ErrClaimLost, core.ErrCommitFailed,
}

// telemetry is an observer with the real SDK.
type telemetry struct {
	observe func(context.Context, core.Event)
	reader  *metric.ManualReader
	spans   *tracetest.SpanRecorder
	meter   *metric.MeterProvider
	tracer  *trace.TracerProvider
}

func newTelemetry(tb testing.TB, config otelwh.Config) *telemetry {
	tb.Helper()
	t := &telemetry{reader: metric.NewManualReader(), spans: tracetest.NewSpanRecorder()}
	t.tracer = trace.NewTracerProvider(trace.WithSpanProcessor(t.spans))
	t.meter = metric.NewMeterProvider(metric.WithReader(t.reader))
	config.MeterProvider, config.TracerProvider = t.meter, t.tracer
	observe, err := otelwh.New(&config)
	if err != nil {
		tb.Fatal(err)
	}
	t.observe = observe
	return t
}

// series returns all series with their values, histograms with their counts:
// "name{key=value,…}", keys in order.
func (m *telemetry) series(tb testing.TB) map[string]int64 {
	tb.Helper()
	all := map[string]int64{}
	for _, data := range m.collect(tb) {
		switch d := data.Data.(type) {
		case metricdata.Sum[int64]:
			for _, p := range d.DataPoints {
				all[data.Name+labels(p.Attributes)] = p.Value
			}
		case metricdata.Histogram[int64]:
			for _, p := range d.DataPoints {
				all[data.Name+labels(p.Attributes)] = int64(p.Count)
			}
		case metricdata.Histogram[float64]:
			for _, p := range d.DataPoints {
				all[data.Name+labels(p.Attributes)] = int64(p.Count)
			}
		default:
			tb.Errorf("%s is a %T", data.Name, d)
		}
	}
	return all
}

func (m *telemetry) collect(tb testing.TB) []metricdata.Metrics {
	tb.Helper()
	var all metricdata.ResourceMetrics
	if err := m.reader.Collect(context.Background(), &all); err != nil {
		tb.Fatal(err)
	}
	if len(all.ScopeMetrics) != 1 || all.ScopeMetrics[0].Scope.Name != otelwh.Scope {
		tb.Fatalf("scopes: %v", all.ScopeMetrics)
	}
	return all.ScopeMetrics[0].Metrics
}

func labels(set attribute.Set) string {
	return "{" + set.Encoded(attribute.DefaultEncoder()) + "}"
}

// only keeps the series of one instrument.
func only(all map[string]int64, name string) map[string]int64 {
	some := map[string]int64{}
	for series, value := range all {
		if strings.HasPrefix(series, name+"{") {
			some[series] = value
		}
	}
	return some
}

// endpoint is a real verifier in net/http, with a handler that responds as the test says.
type endpoint struct {
	http.Handler
	secret string
	signer *core.Signer
	status atomic.Int64
	work   func(context.Context) // nil: none
	store  *faulty
}

func newEndpoint(tb testing.TB, m *telemetry, config core.Config) *endpoint {
	tb.Helper()
	secret := core.GenerateSecret()
	signer, err := core.NewSigner(secret)
	if err != nil {
		tb.Fatal(err)
	}
	e := &endpoint{secret: secret, signer: signer, store: &faulty{SeenStore: memstore.New()}}
	e.status.Store(http.StatusOK)
	config.Observe = m.observe
	v := core.Must(core.New(core.Secrets(secret).From("acme"), e.store, &config))
	e.Handler = nethttp.New(v)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if e.work != nil {
			e.work(r.Context())
		}
		w.WriteHeader(int(e.status.Load()))
	}))
	return e
}

func (e *endpoint) send(r *http.Request) int {
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w.Code
}

// faulty is a store whose calls take a while, and fail while err is set.
type faulty struct {
	core.SeenStore
	err   atomic.Pointer[error]
	delay time.Duration
}

func (f *faulty) Swap(ctx context.Context, key core.Key, old, next core.Value, ttl time.Duration) (core.Value, error) {
	time.Sleep(f.delay)
	if err := f.err.Load(); err != nil {
		return core.Value{}, *err
	}
	return f.SeenStore.Swap(ctx, key, old, next, ttl)
}

func (f *faulty) Forgets() bool { return true }

func (f *faulty) fail(err error) { f.err.Store(&err) }

var errDown = errors.New("connection refused")
