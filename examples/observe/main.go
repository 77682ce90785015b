// Command observe is a webhook endpoint with a log and with metrics for
// Prometheus. It sends itself a few messages, valid and invalid, and prints the
// metrics that a Prometheus server would then find at /metrics. The log is
// written to standard error.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/nethttp"
	"github.com/hookonce/hookonce/otelwh"
	"github.com/hookonce/hookonce/stores/memstore"
)

func main() {
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if err := run(context.Background(), os.Stdout, logger); err != nil {
		fmt.Fprintln(os.Stderr, "observe:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, logger *slog.Logger) error {
	// OpenTelemetry collects the metrics, Prometheus scrapes them.
	registry := prometheus.NewRegistry()
	exporter, err := otelprom.New(otelprom.WithRegisterer(registry), otelprom.WithoutScopeInfo())
	if err != nil {
		return err
	}
	meters := metric.NewMeterProvider(metric.WithReader(exporter))
	defer meters.Shutdown(context.WithoutCancel(ctx)) //nolint:errcheck // nothing is pushed

	observe, err := otelwh.New(&otelwh.Config{MeterProvider: meters}) // spans go to the global TracerProvider
	if err != nil {
		return err
	}

	// During a rotation both secrets are accepted. Key ids make the metrics readable.
	newText, oldText := core.GenerateSecret(), core.GenerateSecret()
	next, old := core.NewSecret(newText), core.NewSecret(oldText)
	next.ID, old.ID = "2026-06", "2026-01"
	v, err := core.New(core.SecretList(next, old), memstore.New(), &core.Config{Observe: both(core.SlogObserver(logger), observe)})
	if err != nil {
		return err
	}

	mux := http.NewServeMux()
	mux.Handle("POST /hook", nethttp.New(v)(http.HandlerFunc(handle)))
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{})) // in production, on a port that is not published
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = srv.Serve(ln) }()
	defer srv.Close()

	base := "http://" + ln.Addr().String()
	if err := sendAll(ctx, base+"/hook", newText, oldText); err != nil {
		return err
	}
	return printCounters(ctx, out, base+"/metrics")
}

// both calls one observer after the other.
func both(a, b func(context.Context, core.Event)) func(context.Context, core.Event) {
	return func(ctx context.Context, e core.Event) {
		a(ctx, e)
		b(ctx, e)
	}
}

// handle fails for events of an unknown type.
func handle(w http.ResponseWriter, r *http.Request) {
	if strings.Contains(string(nethttp.Message(r).Body), "refund") {
		http.Error(w, "not yet", http.StatusInternalServerError)
	}
}

var errAnswer = errors.New("unexpected status")

// sendAll sends valid and invalid messages.
func sendAll(ctx context.Context, url, newText, oldText string) error {
	now := time.Now()
	for _, m := range []struct {
		id, secret string
		at         time.Time
		body       string
		want       int
	}{
		{"msg_1", newText, now, `{"type":"order.paid"}`, http.StatusOK},
		{"msg_1", newText, now, `{"type":"order.paid"}`, http.StatusConflict},                        // a replay
		{"msg_1", newText, now.Add(time.Second), `{"type":"order.paid"}`, http.StatusOK},             // a redelivery
		{"msg_2", oldText, now, `{"type":"order.paid"}`, http.StatusOK},                              // the old key is still in use
		{"msg_3", newText, now, `{"type":"refund"}`, http.StatusInternalServerError},                 // the handler fails
		{"msg_4", newText, now.Add(-time.Hour), `{"type":"order.paid"}`, http.StatusUnauthorized},    // too old
		{"msg_5", core.GenerateSecret(), now, `{"type":"order.paid"}`, http.StatusUnauthorized},      // an unknown secret
		{"msg_6", core.GenerateSecret(), now, `{"type":"order.cancelled"}`, http.StatusUnauthorized}, // again
	} {
		signer, err := core.NewSigner(m.secret)
		if err != nil {
			return err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(m.body))
		if err != nil {
			return err
		}
		if err := signer.Sign(req.Header, m.id, m.at, []byte(m.body)); err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		if resp.Body.Close(); resp.StatusCode != m.want {
			return fmt.Errorf("%s got status %d: %w", m.id, resp.StatusCode, errAnswer)
		}
	}
	return nil
}

// printCounters fetches the metrics as Prometheus does and prints the counters,
// without the buckets.
func printCounters(ctx context.Context, out io.Writer, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var lines []string
	for s := bufio.NewScanner(resp.Body); s.Scan(); {
		name, _, _ := strings.Cut(s.Text(), "{")
		if strings.HasPrefix(name, "hookonce_") && (strings.HasSuffix(name, "_total") || strings.HasSuffix(name, "_count")) {
			lines = append(lines, s.Text())
		}
	}
	slices.Sort(lines)
	fmt.Fprintln(out, strings.Join(lines, "\n"))
	return nil
}
