package otelwh

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.24.0"

	"github.com/hookonce/hookonce/core"
)

// Bounds of the histograms, in seconds and in bytes. The bounds for waiting
// include core's default timeouts: 2, 5, 10 and 60 seconds.
func waitBounds() []float64 {
	return []float64{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10}
}

func checkBounds() []float64 {
	return []float64{0.000005, 0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.1, 1}
}

func handlerBounds() []float64 { // the bounds of the semantic conventions for HTTP servers, and larger ones
	return []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60}
}

func sizeBounds() []float64 {
	return []float64{256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20}
}

// attempt, use and timing are the attributes of the instruments. Each field has
// bounded values, so the number of series is bounded.
type attempt struct {
	reason                 core.Reason
	scheme, source, method string
	status                 int
	reportOnly, handshake  bool
}

type use struct{ scheme, source, key string }

type timing struct {
	scheme string
	failed core.Reason // "" if the part succeeded
}

type metrics struct {
	attempts, uses metric.Int64Counter
	size           metric.Int64Histogram
	durations      [parts]metric.Float64Histogram

	schemes, sources, keyIDs *names
	attemptOptions           *cache[attempt, []metric.AddOption]
	useOptions               *cache[use, []metric.AddOption]
	timingOptions            *cache[timing, []metric.RecordOption]
}

func newMetrics(cfg Config) (*metrics, error) {
	m := &metrics{
		schemes: newNames(100), sources: newNames(cfg.Sources), keyIDs: newNames(cfg.Keys),
		attemptOptions: newCache(attempt.options), useOptions: newCache(use.options), timingOptions: newCache(timing.options),
	}
	meter := cfg.MeterProvider.Meter(Scope, metric.WithSchemaURL(semconv.SchemaURL))
	var errs [3 + parts]error
	m.attempts, errs[0] = meter.Int64Counter("hookonce.attempts", metric.WithUnit("{attempt}"),
		metric.WithDescription("Delivery attempts, by outcome."))
	m.uses, errs[1] = meter.Int64Counter("hookonce.key.uses", metric.WithUnit("{attempt}"),
		metric.WithDescription("Attempts with a verified signature, by the key that matched."))
	m.size, errs[2] = meter.Int64Histogram("hookonce.body.size", metric.WithUnit("By"), metric.WithExplicitBucketBoundaries(sizeBounds()...),
		metric.WithDescription("Bytes read from the body."))
	for p, d := range [parts]struct {
		description string
		bounds      []float64
	}{
		keys:    {"Time to look up the keys.", waitBounds()},
		body:    {"Time to read the body.", waitBounds()},
		check:   {"Time to check the signature.", checkBounds()},
		store:   {"Time that an attempt spends in calls to the seen-id store.", waitBounds()},
		handler: {"Time in the handler.", handlerBounds()},
	} {
		m.durations[p], errs[3+p] = meter.Float64Histogram(part(p).duration(), metric.WithUnit("s"),
			metric.WithDescription(d.description), metric.WithExplicitBucketBoundaries(d.bounds...))
	}
	return m, errors.Join(errs[:]...)
}

func (m *metrics) record(ctx context.Context, e *core.Event) {
	scheme, source := m.schemes.of(e.Scheme), m.sources.of(e.Source)
	m.attempts.Add(ctx, 1, m.attemptOptions.get(attempt{
		reason: e.Reason, scheme: scheme, source: source, method: method(e.Method), status: status(e.Status),
		reportOnly: e.ReportOnly, handshake: e.Handshake,
	})...)
	if key := m.keyIDs.of(e.KeyID); key != "" {
		m.uses.Add(ctx, 1, m.useOptions.get(use{scheme, source, key})...)
	}
	fine := m.timingOptions.get(timing{scheme: scheme})
	if e.BodyBytes > 0 {
		m.size.Record(ctx, int64(e.BodyBytes), fine...)
	}
	failed := culprit(e.Reason)
	for p, took := range durations(e) {
		switch {
		case took <= 0: // not reached
		case part(p) == failed:
			m.durations[p].Record(ctx, took.Seconds(), m.timingOptions.get(timing{scheme, e.Reason})...)
		default:
			m.durations[p].Record(ctx, took.Seconds(), fine...)
		}
	}
}

func durations(e *core.Event) [parts]time.Duration {
	return [parts]time.Duration{keys: e.Keys, body: e.Body, check: e.Check, store: e.Store, handler: e.Handler}
}

// status returns zero if code is not an HTTP status.
func status(code int) int {
	if code < 100 || code > 599 {
		return 0
	}
	return code
}

func (a attempt) options() []metric.AddOption {
	attrs := []attribute.KeyValue{reasonKey.String(string(a.reason)), schemeKey.String(a.scheme), semconv.HTTPRequestMethodKey.String(a.method)}
	if a.status != 0 {
		attrs = append(attrs, semconv.HTTPResponseStatusCode(a.status))
	}
	if a.source != "" {
		attrs = append(attrs, sourceKey.String(a.source))
	}
	if a.reportOnly {
		attrs = append(attrs, reportOnlyKey.Bool(true))
	}
	if a.handshake {
		attrs = append(attrs, handshakeKey.Bool(true))
	}
	return []metric.AddOption{metric.WithAttributeSet(attribute.NewSet(attrs...))}
}

func (u use) options() []metric.AddOption {
	attrs := []attribute.KeyValue{schemeKey.String(u.scheme), keyIDKey.String(u.key)}
	if u.source != "" {
		attrs = append(attrs, sourceKey.String(u.source))
	}
	return []metric.AddOption{metric.WithAttributeSet(attribute.NewSet(attrs...))}
}

func (t timing) options() []metric.RecordOption {
	attrs := []attribute.KeyValue{schemeKey.String(t.scheme)}
	if t.failed != "" {
		attrs = append(attrs, semconv.ErrorTypeKey.String(string(t.failed)))
	}
	return []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(attrs...))}
}
