// Package otelwh exports webhook outcomes to OpenTelemetry: metrics with the
// closed set of reasons, and a span for each attempt.
//
//	observe, err := otelwh.New(nil)
//	v, err := core.New(keys, seen, &core.Config{Observe: observe})
//
// To log as well, call both:
//
//	log := core.SlogObserver(logger)
//	config.Observe = func(ctx context.Context, e core.Event) { log(ctx, e); observe(ctx, e) }
//
// # Metrics
//
//	hookonce.attempts          attempts by reason, scheme, method and status;
//	                           by source if [Config.Sources] is set
//	hookonce.key.uses          attempts whose signature verified, by the key
//	                           that matched: shows the progress of a rotation
//	hookonce.keys.duration     looking up keys
//	hookonce.body.duration     waiting for the body
//	hookonce.check.duration    checking the signature
//	hookonce.store.duration    all calls of the seen-id store
//	hookonce.handler.duration  the handler
//	hookonce.body.size         bytes read of the body
//
// Durations are histograms in seconds by scheme. If the part itself failed,
// error.type is the reason. Label cardinality is bounded, whatever an
// unauthenticated client sends. Paths and message ids are not metric
// attributes. Methods that HTTP does not define share one value. Sources and
// keys are counted separately up to a limit.
//
// # Spans
//
// An attempt is observed when it is over. Only then is its span "webhook"
// created, with the attempt's own start and end. The span is a child of the
// span in the request's context, beside the handler's spans. Parts that took a
// millisecond or more are its children. The status of the span "webhook" is
// error if an operator must act. That is the case after an outage, a
// misconfiguration, a lost outcome, or a handler that failed by itself. A
// refusal is not an error.
//
// No attribute contains a secret, a MAC or a body.
package otelwh

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/hookonce/hookonce/core"
)

// Scope is the name of the instrumentation scope of all metrics and spans.
const Scope = "github.com/hookonce/hookonce/otelwh"

// Config holds the options. The zero value of each field is its default, and a
// nil *Config means all defaults.
type Config struct {
	// MeterProvider creates the instruments. Default: the global MeterProvider,
	// even if it is set later.
	MeterProvider metric.MeterProvider
	// TracerProvider creates the spans. Default: the global TracerProvider,
	// even if it is set later. For metrics alone, pass the provider of
	// go.opentelemetry.io/otel/trace/noop.
	TracerProvider trace.TracerProvider
	// Sources is how many sources (tenants, endpoints) are counted separately,
	// in the order in which they first appear. Later sources count as "_OTHER".
	// Each source costs about ten series. Default: no attribute
	// hookonce.source.
	Sources int
	// Keys is how many key ids are counted separately, in the same way.
	// Default: 100. Negative: keys are not counted.
	Keys int
}

// New returns a function for [core.Config.Observe]. The function is safe for
// concurrent use and may serve several verifiers. New returns an error if the
// MeterProvider refuses an instrument.
func New(config *Config) (func(context.Context, core.Event), error) {
	cfg := config.withDefaults()
	m, err := newMetrics(cfg)
	if err != nil {
		return nil, fmt.Errorf("hookonce/otelwh: creating the instruments: %w", err)
	}
	t := newTracer(cfg)
	return func(ctx context.Context, e core.Event) {
		ctx, span := t.begin(ctx, &e)
		m.record(ctx, &e) // in the span's context, for exemplars
		span.End()
	}, nil
}

func (c *Config) withDefaults() Config {
	var cfg Config
	if c != nil {
		cfg = *c
	}
	if cfg.MeterProvider == nil {
		cfg.MeterProvider = otel.GetMeterProvider()
	}
	if cfg.TracerProvider == nil {
		cfg.TracerProvider = otel.GetTracerProvider()
	}
	if cfg.Keys == 0 {
		cfg.Keys = 100
	}
	return cfg
}
