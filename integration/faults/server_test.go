package faults_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/gofiber/fiber/v2"
	"github.com/labstack/echo/v4"
	"github.com/redis/go-redis/v9"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/echowh"
	"github.com/hookonce/hookonce/fiberwh"
	"github.com/hookonce/hookonce/ginwh"
	"github.com/hookonce/hookonce/nethttp"
	"github.com/hookonce/hookonce/stores/redisstore"
	"github.com/hookonce/hookonce/stores/sqlstore"
)

// Environment variables of a server process.
const (
	envFramework     = "FAULTS_FRAMEWORK"
	envAddr          = "FAULTS_ADDR"
	envStore         = "FAULTS_STORE"  // redis, postgres, or transaction: postgres with core.Commit
	envTarget        = "FAULTS_TARGET" // address or DSN of the store
	envSkew          = "FAULTS_SKEW"   // of its clock
	envLedger        = "FAULTS_LEDGER"
	envBroken        = "FAULTS_BROKEN"         // how the store is broken on purpose
	envOneConnection = "FAULTS_ONE_CONNECTION" // to the store: swaps wait, and go in groups
	envDefaults      = "FAULTS_DEFAULTS"       // the default configuration, and handlers that do not end
)

const (
	secret       = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	window       = 15 * time.Second
	lease        = 8 * time.Second
	storeTimeout = time.Second
)

// TestMain runs a server if the environment asks for one.
func TestMain(m *testing.M) {
	if os.Getenv(envFramework) == "" {
		os.Exit(m.Run())
	}
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// server is one process of the endpoint.
type server struct {
	ledger *os.File
	tx     *sqlstore.Store // set if handlers commit in their own transaction
	db     *sql.DB
}

func serve() error {
	skew, err := time.ParseDuration(os.Getenv(envSkew))
	if err != nil {
		return err
	}
	s := new(server)
	// Each line is one appending write, so their order in the file is the order of events.
	if s.ledger, err = os.OpenFile(os.Getenv(envLedger), os.O_APPEND|os.O_WRONLY, 0); err != nil {
		return err
	}
	store, err := s.open()
	if err != nil {
		return err
	}
	if os.Getenv(envBroken) != "" {
		store = forgetful{store}
	}
	log := core.SlogObserver(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})))
	cfg := &core.Config{Past: window, Future: window, Lease: lease, StoreTimeout: storeTimeout}
	handle := s.handle
	if os.Getenv(envDefaults) != "" {
		cfg, handle = new(core.Config), hang
	}
	cfg.Clock = func() time.Time { return time.Now().Add(skew) }
	cfg.Observe = func(ctx context.Context, e core.Event) { s.observe(e); log(ctx, e) }
	v, err := core.New(core.Secrets(secret), store, cfg)
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", os.Getenv(envAddr))
	if err != nil {
		return err
	}
	return frameworks[os.Getenv(envFramework)](ln, v, handle)
}

func (s *server) open() (core.SeenStore, error) {
	target := os.Getenv(envTarget)
	if os.Getenv(envStore) == "redis" {
		options := &redis.Options{Addr: target}
		if os.Getenv(envOneConnection) != "" {
			options.PoolSize = 1
		}
		return redisstore.New("faults", redis.NewClient(options).Do), nil
	}
	var err error
	if s.db, err = sql.Open("pgx", target); err != nil {
		return nil, err
	}
	s.db.SetMaxOpenConns(16)
	s.db.SetMaxIdleConns(16)
	if os.Getenv(envOneConnection) != "" {
		s.db.SetMaxOpenConns(1)
	}
	store := sqlstore.New("faults", s.db, sqlstore.Postgres)
	if os.Getenv(envStore) == "transaction" {
		s.tx = store
	}
	return store, nil
}

func (s *server) write(word, id string, generation uint32) {
	if _, err := fmt.Fprintf(s.ledger, "%s %s %d %d\n", word, id, generation, os.Getpid()); err != nil {
		panic(err)
	}
}

// observe writes the recorded outcome of each message that ran.
func (s *server) observe(e core.Event) {
	switch {
	case e.Handler == 0:
	case errors.Is(e.Reason, core.Handled):
		s.write(wordRecorded, e.MessageID, e.Generation)
	case errors.Is(e.Reason, core.ErrCommitFailed), errors.Is(e.Reason, core.ErrClaimLost):
		s.write(wordUnrecorded, e.MessageID, e.Generation)
	}
}

// hang is a handler that runs until its context ends, unless the message says otherwise.
func hang(ctx context.Context, m core.Message) int {
	if string(m.Body) != "hang" {
		return http.StatusOK
	}
	<-ctx.Done()
	return http.StatusServiceUnavailable
}

// handle is the handler. It fails, panics, is slow, and is killed between its effect and the record
// of it.
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
	s.write(wordEffect, m.ID, m.Generation)
	if dies {
		s.die(m)
	}
	return http.StatusOK
}

// commit is the handler with a transaction of its own. Its effect is a row.
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
	s.write(wordKilled, m.ID, m.Generation)
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// forgetful breaks the contract of stores: it drops the record of a handled message at once. The
// counts must show it.
type forgetful struct{ core.SeenStore }

func (f forgetful) Swap(ctx context.Context, key core.Key, old, next core.Value, ttl time.Duration) (core.Value, error) {
	if next.Handled() {
		ttl = time.Millisecond
	}
	return f.SeenStore.Swap(ctx, key, old, next, ttl)
}

type handler func(context.Context, core.Message) int

// frameworks serve the same handler.
var frameworks = map[string]func(net.Listener, *core.Verifier, handler) error{
	"nethttp": func(ln net.Listener, v *core.Verifier, handle handler) error {
		return http.Serve(ln, nethttp.New(v)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(handle(r.Context(), nethttp.Message(r)))
		})))
	},
	"gin": func(ln net.Listener, v *core.Verifier, handle handler) error {
		gin.SetMode(gin.ReleaseMode)
		g := gin.New()
		g.Use(gin.RecoveryWithWriter(new(bytes.Buffer)))
		g.POST("/", ginwh.New(v), func(c *gin.Context) { c.Status(handle(c.Request.Context(), ginwh.Message(c))) })
		return http.Serve(ln, g)
	},
	"echo": func(ln net.Listener, v *core.Verifier, handle handler) error {
		e := echo.New()
		e.POST("/", func(c echo.Context) error { return c.NoContent(handle(c.Request().Context(), echowh.Message(c))) }, echowh.New(v))
		return http.Serve(ln, e)
	},
	"fiber": func(ln net.Listener, v *core.Verifier, handle handler) error {
		app := fiber.New(fiber.Config{DisableStartupMessage: true})
		app.Use(func(c *fiber.Ctx) (err error) {
			defer func() {
				if r := recover(); r != nil {
					err = fiber.ErrInternalServerError
				}
			}()
			return c.Next()
		})
		app.Post("/", fiberwh.New(v), func(c *fiber.Ctx) error { return c.SendStatus(handle(c.UserContext(), fiberwh.Message(c))) })
		return app.Listener(ln)
	},
}
