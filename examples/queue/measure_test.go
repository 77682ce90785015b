package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/integration/services" //nolint:depguard // a test starts the server that the example needs
	"github.com/hookonce/hookonce/nethttp"
)

const (
	callers  = 64
	accounts = 1000
	rounds   = 12
	backlog  = 100_000
)

// TestMeasure has the handler enqueue, beside a handler that has the effect
// itself, in one run and one database: with an empty queue, and with one in which
// a hundred thousand jobs wait. The effect is a quick one: two statements.
func TestMeasure(t *testing.T) {
	if os.Getenv("HOOKONCE_MEASURE") != "1" {
		t.Skip("set HOOKONCE_MEASURE=1: it takes three minutes and wants the machine for itself")
	}
	m := newMeasurement(t)
	m.waiting(0)
	m.compare("empty queue", nil)
	m.waiting(backlog)
	m.compare("100,000 jobs wait", nil)
	m.waiting(backlog)
	m.drain("16 workers, as in main.go", limits)
	many := limits
	many.Queues = map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 500}}
	m.waiting(backlog)
	m.drain("500 workers", many)
	m.waiting(backlog)
	m.compare("100,000 jobs wait, 500 workers work", &many)
}

type measurement struct {
	t      *testing.T
	e      *endpoint
	pool   *pgxpool.Pool
	signer *core.Signer
	plain  http.Handler
	queue  http.Handler
}

func newMeasurement(t *testing.T) *measurement {
	t.Helper()
	was := slow
	slow = func(context.Context) error { return nil }
	t.Cleanup(func() { slow = was })
	e, pool, err := open(t.Context(), services.StartPostgres(t).DSN())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.db.Close(); pool.Close() })
	m := &measurement{t: t, e: e, pool: pool}
	m.exec(fmt.Sprintf("INSERT INTO accounts SELECT 'a' || n, 0 FROM generate_series(0, %d) n", accounts-1))
	v, err := core.New(core.Secrets(testSecret), e.seen, nil)
	if err != nil {
		t.Fatal(err)
	}
	if m.signer, err = core.NewSigner(testSecret); err != nil {
		t.Fatal(err)
	}
	m.queue = e.handler(v)
	m.plain = nethttp.New(v)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := e.effectAndCommit(r.Context(), nethttp.Message(r)); err != nil {
			t.Error(err)
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	return m
}

// effectAndCommit is the handler without a queue: it does what the worker does.
func (e *endpoint) effectAndCommit(ctx context.Context, m core.Message) error {
	tx, err := e.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, "INSERT INTO credits (message, cents) VALUES ($1, $2) ON CONFLICT DO NOTHING", m.ID, 7); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "UPDATE accounts SET cents = cents + 7 WHERE name = $1", string(m.Body[12:bytes.IndexByte(m.Body, ',')-1])); err != nil {
		return err
	}
	if err := core.Commit(ctx, e.seen.Tx(tx)); err != nil {
		return err
	}
	return tx.Commit()
}

func (m *measurement) exec(statement string) {
	m.t.Helper()
	if _, err := m.pool.Exec(m.t.Context(), statement); err != nil {
		m.t.Fatal(err)
	}
}

func (m *measurement) count(table string) (n int) {
	m.t.Helper()
	if err := m.pool.QueryRow(m.t.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil {
		m.t.Fatal(err)
	}
	return n
}

func body(n int) []byte { return fmt.Appendf(nil, `{"account":"a%d","cents":7}`, n%accounts) }

// waiting empties the queue, and has so many jobs wait.
func (m *measurement) waiting(jobs int) {
	m.t.Helper()
	m.exec("TRUNCATE river_job")
	client, err := river.NewClient(riverpgxv5.New(m.pool), &river.Config{})
	if err != nil {
		m.t.Fatal(err)
	}
	const batch = 5000
	for from := 0; from < jobs; from += batch {
		many := make([]river.InsertManyParams, batch)
		for i := range many {
			many[i].Args = credit{core.NewID(), body(from + i)}
		}
		if _, err := client.InsertManyFast(m.t.Context(), many); err != nil {
			m.t.Fatal(err)
		}
	}
	m.exec("ANALYZE river_job")
}

// send has all callers send messages for a while, and returns how many a second
// were acknowledged, and how long that took.
func (m *measurement) send(h http.Handler, d time.Duration) (rate float64, took []time.Duration) {
	m.t.Helper()
	var sent atomic.Int64
	each := make([][]time.Duration, callers)
	began := time.Now()
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			for time.Since(began) < d {
				b := body(int(sent.Add(1)))
				r := httptest.NewRequest(http.MethodPost, "/hook", bytes.NewReader(b))
				if err := m.signer.Sign(r.Header, core.NewID(), time.Now(), b); err != nil {
					m.t.Error(err)
				}
				w, at := httptest.NewRecorder(), time.Now()
				if h.ServeHTTP(w, r); w.Code/100 != 2 {
					m.t.Errorf("answered %d", w.Code)
					return
				}
				each[i] = append(each[i], time.Since(at))
			}
		})
	}
	wg.Wait()
	took = slices.Concat(each...)
	return float64(len(took)) / time.Since(began).Seconds(), took
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// compare sends to both handlers in turn. With workers, it says how many jobs
// they do meanwhile.
func (m *measurement) compare(what string, workers *river.Config) {
	m.t.Helper()
	ctx, stop := context.WithCancel(m.t.Context())
	defer stop()
	if workers != nil {
		stopped := m.work(ctx, *workers)
		defer func() { stop(); <-stopped }()
	}
	var rates [2][]float64
	var took [2][]time.Duration
	var ratios, done []float64
	for range rounds {
		for i, h := range []http.Handler{m.plain, m.queue} {
			before, at := m.count("credits"), time.Now()
			rate, each := m.send(h, time.Second)
			rates[i], took[i] = append(rates[i], rate), append(took[i], each...)
			if i == 1 {
				ratios = append(ratios, rate/rates[0][len(rates[0])-1])
			}
			if i == 1 && workers != nil {
				done = append(done, float64(m.count("credits")-before)/time.Since(at).Seconds())
			}
		}
	}
	for i, name := range []string{"effect and core.Commit in the handler", "job and core.Commit in the handler"} {
		slices.Sort(took[i])
		m.t.Logf("%s: %s: %.0f acknowledged/s, p50 %v, p99 %v", what, name, median(rates[i]),
			took[i][len(took[i])/2].Round(100*time.Microsecond), took[i][len(took[i])*99/100].Round(100*time.Microsecond))
	}
	m.t.Logf("%s: the latter to the former: %.2f", what, median(ratios))
	if workers != nil {
		m.t.Logf("%s: jobs done beside the latter: %.0f/s, to the former: %.2f", what, median(done), median(done)/median(rates[0]))
	}
}

// drain has workers do jobs, and nobody sends. Before and after it messages are
// sent to the plain handler, to compare.
func (m *measurement) drain(what string, workers river.Config) {
	m.t.Helper()
	first, _ := m.send(m.plain, 5*time.Second)
	ctx, stop := context.WithCancel(m.t.Context())
	stopped := m.work(ctx, workers)
	time.Sleep(time.Second)
	before, at := m.count("credits"), time.Now()
	time.Sleep(10 * time.Second)
	rate := float64(m.count("credits")-before) / time.Since(at).Seconds()
	stop()
	<-stopped
	last, _ := m.send(m.plain, 5*time.Second)
	m.t.Logf("nobody sends, %s: %.0f jobs done/s, to effect and core.Commit in the handler: %.2f", what, rate, 2*rate/(first+last))
}

func (m *measurement) work(ctx context.Context, config river.Config) (stopped <-chan struct{}) {
	m.t.Helper()
	was := limits
	limits = config
	defer func() { limits = was }()
	client, err := work(ctx, m.pool, slog.New(slog.DiscardHandler))
	if err != nil {
		m.t.Fatal(err)
	}
	return client.Stopped()
}
