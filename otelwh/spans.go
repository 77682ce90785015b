package otelwh

import (
	"context"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.24.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/hookonce/hookonce/core"
)

// worthASpan is how long a part must take to get a span. Shorter parts are
// attributes of the attempt's span.
const worthASpan = time.Millisecond

type tracer struct{ trace.Tracer }

func newTracer(cfg Config) tracer {
	return tracer{cfg.TracerProvider.Tracer(Scope, trace.WithSchemaURL(semconv.SchemaURL))}
}

// begin creates the span of a finished attempt, and the spans of its parts. The
// caller ends the attempt's span.
func (t tracer) begin(ctx context.Context, e *core.Event) (context.Context, trace.Span) {
	now := time.Now() //nolint:forbidigo // as the SDK does at End; other spans do not use Config.Clock
	var total time.Duration
	for _, took := range durations(e) {
		total += took
	}
	ctx, span := t.Start(ctx, "webhook", trace.WithTimestamp(now.Add(-total)))
	if !span.IsRecording() {
		return ctx, span
	}
	span.SetAttributes(attributes(e)...)
	if needsSomebody(e) {
		span.SetAttributes(semconv.ErrorTypeKey.String(string(e.Reason)))
		span.SetStatus(codes.Error, description(e.Err))
	}
	t.parts(ctx, e, now.Add(-total))
	return ctx, span
}

// parts creates a span for each part whose times are known. The store is called
// before and after the handler. If an event does not separate these calls, one
// span covers both and the handler.
func (t tracer) parts(ctx context.Context, e *core.Event, start time.Time) {
	claim, handler, outcome := e.Store, e.Handler, time.Duration(0)
	switch {
	case e.Handler == 0: // there is no outcome
	case e.Claim > 0:
		claim, outcome = e.Claim, e.Store-e.Claim
	default:
		claim, handler = 0, e.Store+e.Handler
	}
	for _, s := range [...]struct {
		name string
		took time.Duration
	}{
		{"webhook keys", e.Keys},
		{"webhook body", e.Body},
		{"webhook check", e.Check},
		{"webhook store", claim},
		{"webhook handler", handler},
		{"webhook outcome", outcome},
	} {
		end := start.Add(s.took)
		if s.took >= worthASpan {
			_, span := t.Start(ctx, s.name, trace.WithTimestamp(start))
			span.End(trace.WithTimestamp(end))
		}
		start = end
	}
}

func attributes(e *core.Event) []attribute.KeyValue {
	attrs := make([]attribute.KeyValue, 0, 20)
	attrs = append(attrs, reasonKey.String(string(e.Reason)), schemeKey.String(text(e.Scheme)),
		semconv.HTTPRequestMethodKey.String(method(e.Method)), semconv.URLPath(text(e.Path)), bodySizeKey.Int(e.BodyBytes))
	if method(e.Method) == other {
		attrs = append(attrs, semconv.HTTPRequestMethodOriginal(text(e.Method)))
	}
	if e.Status != 0 {
		attrs = append(attrs, semconv.HTTPResponseStatusCode(e.Status))
	}
	for _, a := range [...]struct {
		key   attribute.Key
		value string
	}{{sourceKey, e.Source}, {keyIDKey, e.KeyID}, {messageIDKey, e.MessageID}} {
		if a.value != "" {
			attrs = append(attrs, a.key.String(text(a.value)))
		}
	}
	if !e.Timestamp.IsZero() {
		attrs = append(attrs, timestampKey.String(e.Timestamp.UTC().Format(time.RFC3339Nano)))
	}
	if e.Generation != 0 {
		attrs = append(attrs, generationKey.Int64(int64(e.Generation)))
	}
	if e.Repeats != 0 {
		attrs = append(attrs, repeatsKey.Int64(int64(e.Repeats)))
	}
	if e.ReportOnly {
		attrs = append(attrs, reportOnlyKey.Bool(true))
	}
	if e.Handshake {
		attrs = append(attrs, handshakeKey.Bool(true))
	}
	for p, took := range durations(e) {
		if took > 0 {
			attrs = append(attrs, attribute.Float64(part(p).duration(), took.Seconds()))
		}
	}
	return attrs
}

// needsSomebody reports whether the span has the status error. It is normal
// operation to refuse an attempt, to make the sender wait with a 503, and to
// acknowledge a redelivery.
func needsSomebody(e *core.Event) bool {
	switch e.Reason {
	case core.ErrMisconfigured, core.ErrBodyConsumed, core.ErrKeysUnavailable, core.ErrStoreUnavailable, core.ErrStoreFull,
		core.ErrClaimLost, core.ErrCommitFailed, core.ErrRepeated, core.ErrIDReused:
		return true
	case core.ErrHandlerFailed:
		return e.Status == 0 || e.Status >= http.StatusInternalServerError // by the conventions, a 4xx of the handler is the sender's fault
	default:
		return false
	}
}

func description(err error) string {
	if err == nil {
		return ""
	}
	return text(err.Error())
}
