// Package endpoint is the server of the tests of faults: everything but the
// framework, which each program that has one adds.
package endpoint

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	_ "github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/redis/go-redis/v9"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/stores/redisstore"
	"github.com/hookonce/hookonce/stores/sqlstore"
)

// What a server process is told, in its environment.
const (
	EnvFramework     = "FAULTS_FRAMEWORK"
	EnvAddr          = "FAULTS_ADDR"
	EnvStore         = "FAULTS_STORE"  // redis, mariadb, postgres, or transaction: postgres with core.Commit
	EnvTarget        = "FAULTS_TARGET" // address or DSN of the store
	EnvSkew          = "FAULTS_SKEW"   // of its clock
	EnvLedger        = "FAULTS_LEDGER"
	EnvBroken        = "FAULTS_BROKEN"         // how the store is broken on purpose
	EnvOneConnection = "FAULTS_ONE_CONNECTION" // to the store: swaps wait, and go in groups
	EnvDefaults      = "FAULTS_DEFAULTS"       // the default configuration, and handlers that do not end
)

// What the tests know of it.
const (
	Secret       = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	Window       = 15 * time.Second
	StoreTimeout = time.Second
)

// The words of the ledger, which the servers write: each with message,
// generation and process.
const (
	WordEffect     = "effect"     // the handler did what the message asks for
	WordKilled     = "killed"     // the process dies in the handler
	WordRecorded   = "recorded"   // the store has it that the message was handled
	WordUnrecorded = "unrecorded" // the handler succeeded, and the store could not be told, or not in time
	WordGroup      = "group"      // swaps go to the store together; their number replaces the generation
)

// server is one process of the endpoint.
type server struct {
	ledger *os.File
	tx     *sqlstore.Store // set if handlers commit in their own transaction
	db     *sql.DB
}

// Handler handles a message and returns the status.
type Handler func(context.Context, core.Message) int

// Framework serves the handler at POST /.
type Framework func(net.Listener, *core.Verifier, Handler) error

// Main is the program of an endpoint: in the framework that the environment
// names, or after what instead says, if it names none.
func Main(frameworks map[string]Framework, instead func() int) {
	name := os.Getenv(EnvFramework)
	if name == "" {
		os.Exit(instead())
	}
	if err := serve(frameworks[name]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(framework Framework) error {
	skew, err := time.ParseDuration(os.Getenv(EnvSkew))
	if err != nil {
		return err
	}
	s := new(server)
	// Lines of one write each, appended: their order in the file is the order in which they
	// happened.
	if s.ledger, err = os.OpenFile(os.Getenv(EnvLedger), os.O_APPEND|os.O_WRONLY, 0); err != nil {
		return err
	}
	store, err := s.open()
	if err != nil {
		return err
	}
	if os.Getenv(EnvBroken) != "" {
		store = forgetful{store}
	}
	log := core.SlogObserver(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})))
	cfg := &core.Config{Past: Window, Future: Window, Lease: 8 * time.Second, StoreTimeout: StoreTimeout}
	handle := s.handle
	if os.Getenv(EnvDefaults) != "" {
		cfg, handle = new(core.Config), hang
	}
	cfg.Clock = func() time.Time { return time.Now().Add(skew) }
	cfg.Observe = func(ctx context.Context, e core.Event) { s.observe(e); log(ctx, e) }
	v, err := core.New(core.Secrets(Secret), store, cfg)
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", os.Getenv(EnvAddr))
	if err != nil {
		return err
	}
	return framework(ln, v, handle)
}

func (s *server) open() (core.SeenStore, error) {
	target := os.Getenv(EnvTarget)
	if os.Getenv(EnvStore) == "redis" {
		options := &redis.Options{Addr: target}
		if os.Getenv(EnvOneConnection) != "" {
			options.PoolSize = 1
		}
		client := redis.NewClient(options)
		client.AddHook(groups{s})
		return redisstore.New("faults", client.Do), nil
	}
	dialect := sqlstore.Postgres
	if os.Getenv(EnvStore) == "mariadb" {
		dialect = sqlstore.MySQL
		var err error
		if s.db, err = sql.Open("mysql", target); err != nil {
			return nil, err
		}
	} else {
		config, err := pgx.ParseConfig(target)
		if err != nil {
			return nil, err
		}
		config.Tracer = groups{s}
		s.db = stdlib.OpenDB(*config)
	}
	s.db.SetMaxOpenConns(16)
	s.db.SetMaxIdleConns(16)
	if os.Getenv(EnvOneConnection) != "" {
		s.db.SetMaxOpenConns(1)
	}
	store := sqlstore.New("faults", s.db, dialect)
	if os.Getenv(EnvStore) == "transaction" {
		s.tx = store
	}
	return store, nil
}

// groups writes down each group of swaps that goes to Redis or PostgreSQL, with
// its size.
type groups struct{ *server }

func (g groups) met(swaps int) {
	if swaps > 1 {
		g.write(WordGroup, "-", uint32(swaps))
	}
}

// DialHook, ProcessHook and ProcessPipelineHook implement redis.Hook.
func (groups) DialHook(next redis.DialHook) redis.DialHook { return next }

func (groups) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (g groups) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if args := cmd.Args(); len(args) > 2 && args[0] == "EVALSHA" { // script, count of keys, keys, marker, three for each swap
			keys, _ := strconv.Atoi(fmt.Sprint(args[2]))
			g.met((len(args) - 4 - keys) / 3)
		}
		return next(ctx, cmd)
	}
}

// TraceQueryStart and TraceQueryEnd implement pgx.QueryTracer.
func (g groups) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	if strings.HasPrefix(q.SQL, "WITH claims") {
		blob, _ := q.Args[len(q.Args)-1].([]byte)
		g.met(len(blob) / 88) // bytes of a claim
	}
	return ctx
}

func (groups) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (s *server) write(word, id string, generation uint32) {
	if _, err := fmt.Fprintf(s.ledger, "%s %s %d %d\n", word, id, generation, os.Getpid()); err != nil {
		panic(err)
	}
}

// observe writes down what was recorded of each message that ran.
func (s *server) observe(e core.Event) {
	switch {
	case e.Handler == 0:
	case errors.Is(e.Reason, core.Handled):
		s.write(WordRecorded, e.MessageID, e.Generation)
	case errors.Is(e.Reason, core.ErrCommitFailed), errors.Is(e.Reason, core.ErrClaimLost):
		s.write(WordUnrecorded, e.MessageID, e.Generation)
	}
}

// hang is a handler that runs until its context ends, unless the message says
// otherwise.
func hang(ctx context.Context, m core.Message) int {
	if string(m.Body) != "hang" {
		return http.StatusOK
	}
	<-ctx.Done()
	return http.StatusServiceUnavailable
}

// handle is the handler: it fails, panics, is slow, and is killed between its
// effect and the record of it.
func (s *server) handle(ctx context.Context, m core.Message) int {
	time.Sleep(rand.N(20 * time.Millisecond))
	switch dice := rand.IntN(100); {
	case dice < 25:
		return http.StatusInternalServerError
	case dice < 28:
		panic("a bug in the handler")
	case dice < 34:
		time.Sleep(1500 * time.Millisecond) // the sender has gone by then
	}
	dies := rand.IntN(100) < 3
	if s.tx != nil {
		return s.commit(ctx, m, dies)
	}
	if ctx.Err() != nil {
		return http.StatusServiceUnavailable
	}
	s.write(WordEffect, m.ID, m.Generation)
	if dies {
		s.die(m)
	}
	return http.StatusOK
}

// commit is the handler with a transaction of its own: its effect is a row.
func (s *server) commit(ctx context.Context, m core.Message, dies bool) int {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return http.StatusServiceUnavailable
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, "INSERT INTO effects (message) VALUES ($1)", m.ID); err != nil {
		return http.StatusServiceUnavailable
	}
	if dies && rand.IntN(2) == 0 {
		s.die(m)
	}
	if err := core.Commit(ctx, s.tx.Tx(tx)); err != nil {
		return http.StatusServiceUnavailable
	}
	if dies && rand.IntN(2) == 0 {
		s.die(m)
	}
	if err := tx.Commit(); err != nil {
		return http.StatusServiceUnavailable
	}
	if dies {
		s.die(m)
	}
	return http.StatusOK
}

func (s *server) die(m core.Message) {
	s.write(WordKilled, m.ID, m.Generation)
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// forgetful breaks the contract: it drops the record of a handled message at
// once. The counts must show it.
type forgetful struct{ core.SeenStore }

func (f forgetful) Swap(ctx context.Context, key core.Key, old, next core.Value, ttl time.Duration) (core.Value, error) {
	if next.Handled() {
		ttl = time.Millisecond
	}
	return f.SeenStore.Swap(ctx, key, old, next, ttl)
}
