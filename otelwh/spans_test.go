package otelwh_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/otelwh"
	"github.com/hookonce/hookonce/whtest"
)

// texts are all names, descriptions and values of all spans.
func (m *telemetry) texts() []string {
	var all []string
	for _, span := range m.spans.Ended() {
		all = append(all, span.Name(), span.Status().Description)
		for _, a := range span.Attributes() {
			all = append(all, string(a.Key)+"="+a.Value.Emit())
		}
		for _, e := range span.Events() {
			all = append(all, e.Name, fmt.Sprint(e.Attributes))
		}
	}
	return all
}

func TestAnAttemptIsASpanOfItsRequest(t *testing.T) {
	t.Parallel()
	m := newTelemetry(t, otelwh.Config{})
	ctx, server := m.tracer.Tracer("server").Start(t.Context(), "POST /hook")
	before := time.Now()
	m.observe(ctx, core.Event{
		Reason: core.Handled, Method: "POST", Path: "/hook", Scheme: "standard", Source: "acme", KeyID: "2026-06", MessageID: "msg_1",
		Timestamp: time.Unix(1767323045, 0), Generation: 2, Repeats: 3, Handshake: true, Status: 204, BodyBytes: 42,
		Keys: 5 * time.Millisecond, Body: 300 * time.Millisecond, Check: 20 * time.Microsecond, Store: 4 * time.Millisecond, Handler: 2 * time.Second,
	})
	after := time.Now()

	spans := byName(m.spans.Ended())
	attempt := spans["webhook"]
	if attempt == nil || attempt.Parent().SpanID() != server.SpanContext().SpanID() {
		t.Fatalf("no span under the request's: %v", spans)
	}
	const total = 5*time.Millisecond + 300*time.Millisecond + 20*time.Microsecond + 4*time.Millisecond + 2*time.Second
	start := attempt.StartTime()
	if start.Before(before.Add(-total)) || start.After(after.Add(-total)) {
		t.Errorf("begins at %v, want %v before %v", start, total, before)
	}
	if end := attempt.EndTime(); end.Before(start.Add(total)) || end.After(after) {
		t.Errorf("ends at %v, want %v at the latest", end, after)
	}
	want := []string{
		"hookonce.body.duration=0.3", "hookonce.body.size=42", "hookonce.check.duration=2e-05", "hookonce.handler.duration=2", "hookonce.handshake=true",
		"hookonce.key.id=2026-06", "hookonce.keys.duration=0.005", "hookonce.message.generation=2", "hookonce.message.id=msg_1",
		"hookonce.message.repeats=3", "hookonce.message.timestamp=2026-01-02T03:04:05Z", "hookonce.reason=handled", "hookonce.scheme=standard",
		"hookonce.source=acme", "hookonce.store.duration=0.004", "http.request.method=POST", "http.response.status_code=204", "url.path=/hook",
	}
	if got := sorted(attempt.Attributes()); !slices.Equal(got, want) {
		t.Errorf("attributes:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}

	// The parts follow each other. One under a millisecond has no span, but takes its time.
	for _, part := range []struct {
		name        string
		after, took time.Duration
	}{
		{"webhook keys", 0, 5 * time.Millisecond},
		{"webhook body", 5 * time.Millisecond, 300 * time.Millisecond},
		{"webhook handler", 305*time.Millisecond + 20*time.Microsecond, 2004 * time.Millisecond},
	} {
		span := spans[part.name]
		if span == nil || span.Parent().SpanID() != attempt.SpanContext().SpanID() {
			t.Errorf("%s is not under the attempt", part.name)
			continue
		}
		if began, took := span.StartTime().Sub(start), span.EndTime().Sub(span.StartTime()); began != part.after || took != part.took {
			t.Errorf("%s: %v after %v, want %v after %v", part.name, took, began, part.took, part.after)
		}
		delete(spans, part.name)
	}
	if len(spans) != 1 {
		t.Errorf("more spans: %v", spans)
	}
}

func byName(spans []trace.ReadOnlySpan) map[string]trace.ReadOnlySpan {
	all := map[string]trace.ReadOnlySpan{}
	for _, s := range spans {
		all[s.Name()] = s
	}
	return all
}

func sorted(attrs []attribute.KeyValue) []string {
	var all []string
	for _, a := range attrs {
		all = append(all, string(a.Key)+"="+a.Value.Emit())
	}
	slices.Sort(all)
	return all
}

func TestAStoreThatTookItsTimeWithoutAHandler(t *testing.T) {
	t.Parallel()
	m := newTelemetry(t, otelwh.Config{})
	m.observe(t.Context(), core.Event{Reason: core.ErrStoreUnavailable, Status: 503, Store: 2 * time.Second})
	span := byName(m.spans.Ended())["webhook store"]
	if span == nil || span.EndTime().Sub(span.StartTime()) != 2*time.Second {
		t.Errorf("no span of two seconds: %v", m.texts())
	}
}

// TestTheHandlersOwnSpansLieInTheTimeOfItsPart uses the real core, net/http and SDK, on a clock
// that moves only while they wait.
func TestTheHandlersOwnSpansLieInTheTimeOfItsPart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newTelemetry(t, otelwh.Config{})
		e := newEndpoint(t, m, core.Config{})
		began := time.Now()
		e.store.delay = 3 * time.Millisecond
		e.work = func(ctx context.Context) {
			_, span := m.tracer.Tracer("app").Start(ctx, "INSERT")
			time.Sleep(5 * time.Millisecond)
			span.End()
		}
		ctx, server := m.tracer.Tracer("server").Start(t.Context(), "POST /hook")
		e.send(whtest.NewRequest(t, e.signer, "/hook", `{}`).WithContext(ctx))
		server.End()

		spans := byName(m.spans.Ended())
		for _, want := range []struct {
			name, parent string
			from, to     time.Duration // claim 3 ms, handler 5 ms, settlement 3 ms
		}{
			{"POST /hook", "", 0, 11 * time.Millisecond},
			{"webhook", "POST /hook", 0, 11 * time.Millisecond},
			{"webhook store", "webhook", 0, 3 * time.Millisecond},
			{"webhook handler", "webhook", 3 * time.Millisecond, 8 * time.Millisecond},
			{"webhook outcome", "webhook", 8 * time.Millisecond, 11 * time.Millisecond},
			{"INSERT", "POST /hook", 3 * time.Millisecond, 8 * time.Millisecond},
		} {
			span := spans[want.name]
			if span == nil {
				t.Fatalf("no span %q: %v", want.name, m.texts())
			}
			if from, to := span.StartTime().Sub(began), span.EndTime().Sub(began); from != want.from || to != want.to {
				t.Errorf("%s from %v to %v, want %v to %v", want.name, from, to, want.from, want.to)
			}
			if parent := spans[want.parent]; parent != nil && span.Parent().SpanID() != parent.SpanContext().SpanID() {
				t.Errorf("%s is not under %s", want.name, want.parent)
			}
		}
		if len(spans) != 6 {
			t.Errorf("spans: %v", m.texts())
		}
	})
}

func TestTheStatusErrorIsForWhatNeedsSomebody(t *testing.T) {
	t.Parallel()
	wrong := map[core.Reason]bool{
		core.ErrMisconfigured: true, core.ErrBodyConsumed: true, core.ErrKeysUnavailable: true, core.ErrStoreUnavailable: true,
		core.ErrStoreFull: true, core.ErrClaimLost: true, core.ErrCommitFailed: true, core.ErrHandlerFailed: true, core.ErrRepeated: true, core.ErrIDReused: true,
	}
	check := func(t *testing.T, e core.Event, want bool) {
		t.Helper()
		m := newTelemetry(t, otelwh.Config{})
		m.observe(t.Context(), e)
		span := m.spans.Ended()[0]
		errorType := slices.Contains(sorted(span.Attributes()), "error.type="+string(e.Reason))
		if status := span.Status(); (status.Code == codes.Error) != want || errorType != want || want && status.Description != "why" {
			t.Errorf("%s %d: status %v, error.type %v", e.Reason, e.Status, status, errorType)
		}
	}
	for _, r := range reasons {
		t.Run(string(r), func(t *testing.T) {
			t.Parallel()
			check(t, core.Event{Reason: r, Err: errors.New("why"), Status: 503}, wrong[r])
		})
	}
	t.Run("a 4xx of the handler is none", func(t *testing.T) {
		t.Parallel()
		check(t, core.Event{Reason: core.ErrHandlerFailed, Err: errors.New("why"), Status: 422}, false)
	})
	t.Run("a panic of the handler is one", func(t *testing.T) {
		t.Parallel()
		check(t, core.Event{Reason: core.ErrHandlerFailed, Err: errors.New("why")}, true)
	})
}

func TestAMethodThatHTTPDoesNotDefineIsKeptInTheSpanAlone(t *testing.T) {
	t.Parallel()
	m := newTelemetry(t, otelwh.Config{})
	e := newEndpoint(t, m, core.Config{})
	r := whtest.NewRequest(t, e.signer, "/hook", `{}`)
	r.Method = "BREW"
	e.send(r)
	got := sorted(byName(m.spans.Ended())["webhook"].Attributes())
	if !slices.Contains(got, "http.request.method=_OTHER") || !slices.Contains(got, "http.request.method_original=BREW") {
		t.Errorf("attributes: %v", got)
	}
}

// TestNoSecretAndNoBodyIsTold looks for them in all exported data, after genuine messages and
// attacks.
func TestNoSecretAndNoBodyIsTold(t *testing.T) {
	t.Parallel()
	const body = `{"card":"4242-4242-4242-4242"}`
	m := newTelemetry(t, otelwh.Config{Sources: 10})
	e := newEndpoint(t, m, core.Config{})
	var signatures []string
	send := func(opts ...whtest.Option) {
		r := whtest.NewRequest(t, e.signer, "/hook?token=hunter2", body, opts...)
		signatures = append(signatures, strings.TrimPrefix(r.Header.Get("Webhook-Signature"), "v1,"))
		e.send(r)
	}
	now := time.Now()
	send(whtest.ID("msg_1"), whtest.At(now))
	send(whtest.ID("msg_1"), whtest.At(now))
	send(whtest.ID("msg_2"), whtest.Header("Webhook-Timestamp", strconv.FormatInt(now.Unix()-1, 10)))
	e.status.Store(http.StatusInternalServerError)
	send()
	e.store.fail(errDown)
	send()

	texts := m.texts()
	for series := range m.series(t) {
		texts = append(texts, series)
	}
	all := strings.Join(texts, "\n")
	for _, secret := range append(signatures, "4242", "hunter2", strings.TrimPrefix(e.secret, "whsec_")) {
		if strings.Contains(all, secret) {
			t.Errorf("%q is in\n%s", secret, all)
		}
	}
	if !strings.Contains(all, "msg_1") || !strings.Contains(all, "connection refused") {
		t.Errorf("too little to be looked at:\n%s", all)
	}
}
