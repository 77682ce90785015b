// Command queue acknowledges a webhook in milliseconds and does the slow work
// afterwards. The job and the record of the message are committed in one
// transaction. So each acknowledged message is processed once, even if the
// program is killed at any point.
//
//	ADDR            where to listen, default 127.0.0.1:8080
//	DATABASE_URL    of PostgreSQL
//	WEBHOOK_SECRET  the secret of the sender
//
// It handles POST /hook with a body such as {"account":"alice","cents":100}.
// docs/acknowledge-first.md explains the program. Any number of processes can
// share one database.
//
//	queue retry     lists the jobs that failed for good
//	queue retry ID  runs one of these jobs again
package main

import (
	"cmp"
	"context"
	"database/sql"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/nethttp"
	"github.com/hookonce/hookonce/stores/sqlstore"
)

// credit is the job: the data that its worker needs from the message. JSON
// encodes a []byte as base64, so any body works. As text, PostgreSQL would
// reject a body with a NUL.
type credit struct {
	Message string `json:"message"`
	Body    []byte `json:"body"`
}

// Kind implements [river.JobArgs].
func (credit) Kind() string { return "credit" }

// endpoint enqueues jobs. The seen-id store and the queue are in one database,
// so that one transaction covers both.
type endpoint struct {
	db   *sql.DB
	seen *sqlstore.Store
	jobs *river.Client[*sql.Tx]
}

// enqueue does the handler's work. Either the job is enqueued and the message
// is recorded as handled, or neither happens.
func (e *endpoint) enqueue(ctx context.Context, m core.Message) error {
	at("verified")
	tx, err := e.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after Commit, Rollback does nothing
	if _, err := e.jobs.InsertTx(ctx, tx, credit{m.ID, m.Body}, nil); err != nil {
		return err
	}
	at("enqueued")
	if err := core.Commit(ctx, e.seen.Tx(tx)); err != nil {
		return err
	}
	at("recorded")
	if err := tx.Commit(); err != nil {
		return err
	}
	at("acknowledged")
	return nil
}

// worker does the slow work.
type worker struct {
	river.WorkerDefaults[credit]

	db *pgxpool.Pool
}

// Work implements [river.Worker]. The effect and the completion of the job are
// one transaction. If a worker only stalls, its job runs twice, so the effect
// also uses the message as its key.
func (w *worker) Work(ctx context.Context, job *river.Job[credit]) error {
	at("taken")
	if err := slow(ctx); err != nil {
		return err
	}
	at("worked")
	tx, err := w.db.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) // after Commit, Rollback does nothing
	if err := effect(ctx, tx, job.Args); err != nil {
		return err
	}
	at("effected")
	if _, err := river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, job); err != nil {
		return err
	}
	at("completed")
	if err := tx.Commit(ctx); err != nil {
		return err
	}
	at("done")
	return nil
}

// effect credits an account, once for a message.
func effect(ctx context.Context, tx pgx.Tx, c credit) error {
	var order struct {
		Account string `json:"account"`
		Cents   int64  `json:"cents"`
	}
	if err := json.Unmarshal(c.Body, &order); err != nil {
		return river.JobCancel(err) // a further attempt could not parse the body either
	}
	first, err := tx.Exec(ctx, "INSERT INTO credits (message, cents) VALUES ($1, $2) ON CONFLICT DO NOTHING", c.Message, order.Cents)
	if err != nil || first.RowsAffected() == 0 {
		return err
	}
	found, err := tx.Exec(ctx, "UPDATE accounts SET cents = cents + $1 WHERE name = $2", order.Cents, order.Account)
	if err == nil && found.RowsAffected() != 1 {
		err = fmt.Errorf("%d accounts %q", found.RowsAffected(), order.Account)
	}
	return err
}

// slow stands for work that takes seconds, such as rendering a document or
// calling another service.
var slow = func(ctx context.Context) error {
	select {
	case <-time.After(2 * time.Second):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// at does nothing here. The test kills the program at these points.
var at = func(string) {}

// config and limits are variables because the test needs shorter times.
var (
	config core.Config
	limits = river.Config{
		JobTimeout:           time.Minute,     // for one attempt; the worker must respect its context
		RescueStuckJobsAfter: 2 * time.Minute, // how long a killed worker's job waits (default: one hour)
		Queues:               map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 16}},
	}
)

//go:embed schema.sql
var schema string

// open prepares the database: the account, the queue, and the table of the
// seen-id store.
func open(ctx context.Context, url string) (*endpoint, *pgxpool.Pool, error) {
	settings, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, nil, fmt.Errorf("DATABASE_URL: %w", err)
	}
	settings.MaxConns = 16 // 4 by default on most machines
	pool, err := pgxpool.NewWithConfig(ctx, settings)
	if err != nil {
		return nil, nil, fmt.Errorf("DATABASE_URL: %w", err)
	}
	// The endpoint has its own pool: workers take no connection from it.
	e := &endpoint{}
	if e.db, err = sql.Open("pgx", url); err != nil {
		return nil, nil, fmt.Errorf("DATABASE_URL: %w", err)
	}
	e.db.SetMaxOpenConns(16)
	e.db.SetMaxIdleConns(16) // with the default of 2, the others are reopened again and again
	e.seen = sqlstore.New("queue", e.db, sqlstore.Postgres)
	if err := e.seen.Migrate(ctx); err != nil {
		return nil, nil, err
	}
	if _, err := pool.Exec(ctx, schema); err != nil {
		return nil, nil, err
	}
	queue, err := rivermigrate.New(riverpgxv5.New(pool), nil)
	if err != nil {
		return nil, nil, err
	}
	if _, err := queue.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return nil, nil, err
	}
	// This client only inserts. So Workers must be nil: an empty set refuses every job.
	e.jobs, err = river.NewClient(riverdatabasesql.New(e.db), &river.Config{})
	return e, pool, err
}

// work starts the workers. They stop when ctx has ended and their jobs are
// done.
func work(ctx context.Context, pool *pgxpool.Pool, logger *slog.Logger) (*river.Client[pgx.Tx], error) {
	c := limits
	c.Logger, c.Workers = logger, river.NewWorkers()
	river.AddWorker(c.Workers, &worker{db: pool})
	jobs, err := river.NewClient(riverpgxv5.New(pool), &c)
	if err != nil {
		return nil, err
	}
	return jobs, jobs.Start(ctx)
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "queue:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	e, pool, err := open(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		return err
	}
	defer pool.Close()
	defer e.db.Close()
	if len(os.Args) > 1 && os.Args[1] == "retry" {
		return retry(ctx, pool, os.Args[2:])
	}
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	config.Observe = core.SlogObserver(logger)
	v, err := core.New(core.Secrets(os.Getenv("WEBHOOK_SECRET")), e.seen, &config)
	if err != nil {
		return fmt.Errorf("WEBHOOK_SECRET: %w", err)
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", cmp.Or(os.Getenv("ADDR"), "127.0.0.1:8080"))
	if err != nil {
		return fmt.Errorf("ADDR: %w", err)
	}
	jobs, err := work(ctx, pool, logger)
	if err != nil {
		return err
	}
	fmt.Printf("queue: listens on http://%s/hook\n", ln.Addr())
	err = serve(ctx, ln, e.handler(v))
	stop()
	<-jobs.Stopped()
	return err
}

// handler acknowledges a message when its job is in the queue: with 200,
// because some senders treat 202 as a failure.
func (e *endpoint) handler(v *core.Verifier) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /hook", nethttp.New(v)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := e.enqueue(r.Context(), nethttp.Message(r)); err != nil {
			http.Error(w, "try again", http.StatusServiceUnavailable)
		}
	})))
	return mux
}

// serve serves until ctx ends, and then until the running handlers have
// finished.
func serve(ctx context.Context, ln net.Listener, h http.Handler) error {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		finish, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		stopped <- srv.Shutdown(finish)
	}()
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}
