package otelwh_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/otelwh"
	"github.com/hookonce/hookonce/whtest"
)

func TestAttemptsAreCountedByWhatBecameOfThem(t *testing.T) {
	t.Parallel()
	m := newTelemetry(t, otelwh.Config{})
	e := newEndpoint(t, m, core.Config{})
	now := time.Now()
	message := func(opts ...whtest.Option) *http.Request {
		return whtest.NewRequest(t, e.signer, "/hook", `{}`, opts...)
	}

	e.send(message(whtest.ID("msg_1"), whtest.At(now)))
	e.send(message(whtest.ID("msg_1"), whtest.At(now)))
	e.send(message(whtest.ID("msg_1"), whtest.At(now.Add(time.Second))))
	e.send(message(whtest.ID("msg_2")))
	e.send(message(whtest.Header("Webhook-Signature", "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")))
	e.send(message(whtest.At(now.Add(-time.Hour))))
	bare := message()
	bare.Header, bare.Method = http.Header{}, "PROPFIND"
	e.send(bare)
	e.status.Store(http.StatusTeapot)
	e.send(message())
	e.store.fail(errDown)
	e.send(message())
	e.store.fail(fmt.Errorf("the memory: %w", core.ErrStoreFull))
	e.send(message())

	const scheme = ",hookonce.scheme=standard,http.request.method=POST,http.response.status_code="
	want := map[string]int64{
		"hookonce.attempts{hookonce.reason=handled" + scheme + "200}":                                                                         2,
		"hookonce.attempts{hookonce.reason=replay" + scheme + "409}":                                                                          1,
		"hookonce.attempts{hookonce.reason=redelivery" + scheme + "200}":                                                                      1,
		"hookonce.attempts{hookonce.reason=no-match" + scheme + "401}":                                                                        1,
		"hookonce.attempts{hookonce.reason=outside-window" + scheme + "401}":                                                                  1,
		"hookonce.attempts{hookonce.reason=handler-failed" + scheme + "418}":                                                                  1,
		"hookonce.attempts{hookonce.reason=store-unavailable" + scheme + "503}":                                                               1,
		"hookonce.attempts{hookonce.reason=store-full" + scheme + "503}":                                                                      1,
		"hookonce.attempts{hookonce.reason=missing-header,hookonce.scheme=standard,http.request.method=_OTHER,http.response.status_code=400}": 1,

		"hookonce.key.uses{hookonce.key.id=key-1,hookonce.scheme=standard}": 7,
		"hookonce.body.size{hookonce.scheme=standard}":                      8,
		"hookonce.keys.duration{hookonce.scheme=standard}":                  8,
		"hookonce.body.duration{hookonce.scheme=standard}":                  8,
		"hookonce.check.duration{hookonce.scheme=standard}":                 8,
		"hookonce.store.duration{hookonce.scheme=standard}":                 5,

		"hookonce.store.duration{error.type=store-unavailable,hookonce.scheme=standard}": 1,
		"hookonce.store.duration{error.type=store-full,hookonce.scheme=standard}":        1,
		"hookonce.handler.duration{hookonce.scheme=standard}":                            2,
		"hookonce.handler.duration{error.type=handler-failed,hookonce.scheme=standard}":  1,
	}
	compare(t, m.series(t), want)
}

func compare(t *testing.T, got, want map[string]int64) {
	t.Helper()
	for _, series := range slices.Sorted(maps.Keys(want)) {
		if got[series] != want[series] {
			t.Errorf("%s is %d, want %d", series, got[series], want[series])
		}
	}
	for _, series := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[series]; !ok {
			t.Errorf("%s is %d, want none", series, got[series])
		}
	}
}

// TestEventsAndTheirSeries has events that core does not produce on demand.
func TestEventsAndTheirSeries(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		config otelwh.Config
		event  core.Event
		want   []string
	}{
		{
			"nothing is known but the reason",
			otelwh.Config{},
			core.Event{Reason: core.ErrMalformed},
			[]string{"hookonce.attempts{hookonce.reason=malformed,hookonce.scheme=,http.request.method=_OTHER}"},
		},
		{
			"a handler that panicked has no status",
			otelwh.Config{Keys: -1},
			core.Event{Reason: core.ErrHandlerFailed, Scheme: "s", Method: "POST", KeyID: "k", Handler: time.Second},
			[]string{
				"hookonce.attempts{hookonce.reason=handler-failed,hookonce.scheme=s,http.request.method=POST}",
				"hookonce.handler.duration{error.type=handler-failed,hookonce.scheme=s}",
			},
		},
		{
			"a source counts if that was asked for, and report-only shows",
			otelwh.Config{Sources: 1},
			core.Event{Reason: core.ErrReplay, Scheme: "s", Method: "PUT", Source: "acme", KeyID: "k", ReportOnly: true},
			[]string{
				"hookonce.attempts{hookonce.reason=replay,hookonce.report_only=true,hookonce.scheme=s,hookonce.source=acme,http.request.method=PUT}",
				"hookonce.key.uses{hookonce.key.id=k,hookonce.scheme=s,hookonce.source=acme}",
			},
		},
		{
			"a handshake is no message",
			otelwh.Config{},
			core.Event{Reason: core.Handled, Scheme: "s", Method: "GET", Status: 200, Handshake: true},
			[]string{"hookonce.attempts{hookonce.handshake=true,hookonce.reason=handled,hookonce.scheme=s,http.request.method=GET,http.response.status_code=200}"},
		},
		{
			"what is not a status is none",
			otelwh.Config{},
			core.Event{Reason: core.ErrHandlerFailed, Scheme: "s", Method: "POST", Status: 12345},
			[]string{"hookonce.attempts{hookonce.reason=handler-failed,hookonce.scheme=s,http.request.method=POST}"},
		},
		{
			"a clock that was set back makes no durations",
			otelwh.Config{},
			core.Event{Reason: core.Handled, Scheme: "s", Method: "POST", Status: 200, Body: -time.Second},
			[]string{"hookonce.attempts{hookonce.reason=handled,hookonce.scheme=s,http.request.method=POST,http.response.status_code=200}"},
		},
		{
			"an overrun lease is the handler's",
			otelwh.Config{},
			core.Event{Reason: core.ErrClaimLost, Scheme: "s", Method: "POST", Status: 200, Handler: time.Minute, Store: time.Second},
			[]string{
				"hookonce.attempts{hookonce.reason=claim-lost,hookonce.scheme=s,http.request.method=POST,http.response.status_code=200}",
				"hookonce.handler.duration{error.type=claim-lost,hookonce.scheme=s}",
				"hookonce.store.duration{hookonce.scheme=s}",
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := newTelemetry(t, c.config)
			m.observe(t.Context(), c.event)
			want := map[string]int64{}
			for _, series := range c.want {
				want[series] = 1
			}
			compare(t, m.series(t), want)
		})
	}
}

// TestFailuresAreOfThePartThatFailed tests the closed set with every part timed.
func TestFailuresAreOfThePartThatFailed(t *testing.T) {
	t.Parallel()
	m := newTelemetry(t, otelwh.Config{})
	for _, r := range reasons {
		m.observe(t.Context(), core.Event{Reason: r, Keys: 1, Body: 1, Check: 1, Store: 1, Handler: 1, Scheme: "s"})
	}
	var got []string
	for series := range m.series(t) {
		if name, failure, ok := strings.Cut(series, ".duration{error.type="); ok {
			got = append(got, strings.TrimPrefix(name, "hookonce.")+" "+strings.TrimSuffix(failure, ",hookonce.scheme=s}"))
		}
	}
	slices.Sort(got)
	want := []string{
		"body body-consumed", "body body-too-large", "body body-too-slow", "handler claim-lost", "handler handler-failed",
		"keys keys-unavailable", "store commit-failed", "store store-full", "store store-unavailable",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if attempts := only(m.series(t), "hookonce.attempts"); len(attempts) != len(reasons) {
		t.Errorf("%d series of attempts, want one for each of %d reasons", len(attempts), len(reasons))
	}
}

func TestDurationsAreSecondsInTheRightBuckets(t *testing.T) {
	t.Parallel()
	m := newTelemetry(t, otelwh.Config{})
	m.observe(t.Context(), core.Event{
		Reason: core.Handled, BodyBytes: 5000,
		Keys: 3 * time.Millisecond, Body: 3 * time.Second, Check: 20 * time.Microsecond, Store: 200 * time.Microsecond, Handler: 40 * time.Second,
	})
	type histogram struct {
		unit          string
		sum           float64
		above, atMost float64 // of the bucket
	}
	got := map[string]histogram{}
	for _, data := range m.collect(t) {
		switch d := data.Data.(type) {
		case metricdata.Histogram[float64]:
			p := d.DataPoints[0]
			i := slices.Index(p.BucketCounts, 1)
			got[data.Name] = histogram{data.Unit, p.Sum, p.Bounds[i-1], p.Bounds[i]}
		case metricdata.Histogram[int64]:
			p := d.DataPoints[0]
			i := slices.Index(p.BucketCounts, 1)
			got[data.Name] = histogram{data.Unit, float64(p.Sum), p.Bounds[i-1], p.Bounds[i]}
		case metricdata.Sum[int64]:
			if data.Unit != "{attempt}" || !d.IsMonotonic || data.Description == "" {
				t.Errorf("%s: %q, monotonic %v, %q", data.Name, data.Unit, d.IsMonotonic, data.Description)
			}
		}
	}
	want := map[string]histogram{
		"hookonce.keys.duration":    {"s", 0.003, 0.0025, 0.005},
		"hookonce.body.duration":    {"s", 3, 2, 5},
		"hookonce.check.duration":   {"s", 0.00002, 0.00001, 0.000025},
		"hookonce.store.duration":   {"s", 0.0002, 0.0001, 0.00025},
		"hookonce.handler.duration": {"s", 40, 30, 60},
		"hookonce.body.size":        {"By", 5000, 4096, 16384},
	}
	if !maps.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestNamesBeyondTheBoundAreOne(t *testing.T) {
	t.Parallel()
	m := newTelemetry(t, otelwh.Config{Sources: 3, Keys: 2})
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			m.observe(t.Context(), core.Event{Reason: core.Handled, Source: fmt.Sprint("tenant-", i), KeyID: fmt.Sprint("key-", i%10)})
		})
	}
	all.Wait()
	attempts, uses := only(m.series(t), "hookonce.attempts"), only(m.series(t), "hookonce.key.uses")
	var others int64
	for series, count := range attempts {
		if strings.Contains(series, "hookonce.source=_OTHER") {
			others += count
		}
	}
	if len(attempts) != 4 || others != 47 {
		t.Errorf("three sources apart and 47 together: %v", attempts)
	}
	if len(uses) > 4*3 {
		t.Errorf("%d series of keys, of four sources and three keys", len(uses))
	}
}

// TestWhatIsNoTextDoesNoHarm: one string that is not UTF-8 makes an exporter drop its whole batch.
func TestWhatIsNoTextDoesNoHarm(t *testing.T) {
	t.Parallel()
	const bad = "a\xff\xfeb"
	m := newTelemetry(t, otelwh.Config{Sources: 10})
	m.observe(t.Context(), core.Event{
		Reason: core.ErrMisconfigured, Err: errors.New(bad), Method: bad, Path: bad, Scheme: bad, Source: bad, KeyID: bad, MessageID: bad,
	})
	for series := range m.series(t) {
		if !utf8.ValidString(series) {
			t.Errorf("%q", series)
		}
	}
	for _, text := range m.texts() {
		if !utf8.ValidString(text) {
			t.Errorf("%q", text)
		}
	}
}

func TestAViewThatCannotBeIsAnErrorAtTheStart(t *testing.T) {
	t.Parallel()
	view := metric.NewView(metric.Instrument{Name: "hookonce.attempts"}, metric.Stream{Aggregation: metric.AggregationLastValue{}})
	provider := metric.NewMeterProvider(metric.WithReader(metric.NewManualReader()), metric.WithView(view))
	_, err := otelwh.New(&otelwh.Config{MeterProvider: provider})
	if err == nil || !strings.Contains(err.Error(), "hookonce/otelwh: creating the instruments: ") {
		t.Errorf("err: %v", err)
	}
}

// TestGlobalProvidersMayBeSetLater is the only test that touches them. They can be set once in the
// life of a process.
func TestGlobalProvidersMayBeSetLater(t *testing.T) {
	observe, err := otelwh.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	observe(context.Background(), core.Event{Reason: core.ErrMalformed}) // the first time without a provider
	m := setGlobal(t)
	before := len(m.spans.Ended())
	observe(context.Background(), core.Event{Reason: core.Handled})
	if got := m.series(t)["hookonce.attempts{hookonce.reason=handled,hookonce.scheme=,http.request.method=_OTHER}"]; got == 0 {
		t.Errorf("series: %v", m.series(t))
	}
	if got := m.spans.Ended()[before:]; len(got) != 1 || got[0].Name() != "webhook" {
		t.Errorf("spans: %v", got)
	}
}

var global *telemetry

func setGlobal(t *testing.T) *telemetry {
	t.Helper()
	if global == nil {
		global = newTelemetry(t, otelwh.Config{})
		otel.SetMeterProvider(global.meter)
		otel.SetTracerProvider(global.tracer)
	}
	return global
}
