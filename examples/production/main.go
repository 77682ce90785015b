// Command production is a webhook endpoint for many tenants, ready to copy into
// production: gin, a seen-id store in Redis, keys and events in
// PostgreSQL (schema.sql).
//
//	DATABASE_URL   postgres://user:password@host:5432/name
//	REDIS_URL      redis://user:password@host:6379/0, or rediss:// for TLS
//	ADDR           where to listen, default 127.0.0.1:8080
//	KEYS_FRESH_FOR how long a tenant's keys are used before they are looked up again, default 30s
//	DRAIN          how long readiness fails before the server stops accepting, default 5s
//
// POST /hooks/{tenant} accepts messages. GET /livez and /readyz are for the
// orchestrator: do not publish them. SIGTERM ends the program after all
// messages in progress are settled. That can take a minute: allow 75 s
// (terminationGracePeriodSeconds) before SIGKILL.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/ginwh"
	"github.com/hookonce/hookonce/stores/redisstore"
)

const lease = time.Minute // longer than the slowest handler

func main() {
	logger := slog.New(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if err := run(logger); err != nil {
		logger.Error("stopped", "error", err.Error())
		os.Exit(1)
	}
}

func run(logger *slog.Logger) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cfg, err := readConfig()
	if err != nil {
		return err
	}

	// The dependencies. They are closed after everything below has ended.
	db, err := pgxpool.NewWithConfig(ctx, cfg.database)
	if err != nil {
		return fmt.Errorf("DATABASE_URL: %w", err)
	}
	defer db.Close()
	rdb := redis.NewClient(cfg.redis)
	defer rdb.Close()

	// An unsuitable server is reported now, not on the first message.
	boot, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	seen := redisstore.New("production", rdb.Do)
	switch err := seen.Check(boot); {
	case errors.Is(err, redisstore.ErrNotSeen): // a managed service that hides its settings
		logger.WarnContext(ctx, "look at the server's settings by hand", "error", err.Error())
	case err != nil:
		return fmt.Errorf("REDIS_URL: %w", err)
	}
	if _, err := db.Exec(boot, "SELECT FROM tenant_keys, events LIMIT 0"); err != nil {
		return fmt.Errorf("DATABASE_URL: the database must be reachable and have the tables of schema.sql: %w", err)
	}

	v, err := core.New(newTenants(db, logger, cfg.keysFreshFor), seen, &core.Config{
		Lease:      lease,
		KeyTimeout: 2 * time.Second,
		Observe:    core.SlogObserver(logger),
	})
	if err != nil {
		return err
	}

	health := &health{db: db, rdb: rdb, logger: logger}
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.Use(gin.CustomRecoveryWithWriter(nil, func(c *gin.Context, panicked any) {
		logger.Error("panic", "value", fmt.Sprint(panicked), "path", c.FullPath()) // the message is released, and its sender retries
		c.AbortWithStatus(http.StatusInternalServerError)
	}))
	router.GET("/livez", health.live)
	router.GET("/readyz", health.ready)
	router.POST("/hooks/:tenant", ginwh.New(v), handle(db, logger))

	return serve(ctx, stop, router, health, cfg, logger)
}

// handle runs once for each message that is authentic, fresh and new. It stores
// the event. Respond 2xx only when the event is stored.
func handle(db *pgxpool.Pool, logger *slog.Logger) gin.HandlerFunc {
	return func(c *gin.Context) {
		msg := ginwh.Message(c)
		_, err := db.Exec(c.Request.Context(),
			"INSERT INTO events (tenant, message_id, body) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", msg.Source, msg.ID, msg.Body)
		if err != nil {
			logger.Error("storing an event", "message_id", msg.ID, "error", err.Error())
			c.Status(http.StatusServiceUnavailable) // released: the handler runs again on the sender's next attempt
			return
		}
		c.Status(http.StatusNoContent)
	}
}

// serve runs until ctx ends, and returns when the last handler has finished and
// its message is settled.
func serve(ctx context.Context, stop func(), router http.Handler, health *health, cfg config, logger *slog.Logger) error {
	srv := &http.Server{
		Handler:           router,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      lease + 15*time.Second, // longer than a handler and its settling may take
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.addr)
	if err != nil {
		return fmt.Errorf("ADDR: %w", err)
	}
	logger.InfoContext(ctx, "listening", "addr", ln.Addr().String())

	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		stop() // a second signal ends the program at once
		logger.InfoContext(ctx, "stopping: what is in flight is settled first")
		health.draining.Store(true)
		time.Sleep(cfg.drain) // until the load balancer has noticed
		finish, cancel := context.WithTimeout(context.Background(), lease+5*time.Second)
		defer cancel()
		stopped <- srv.Shutdown(finish) // stops accepting; a handler's message is settled before its request counts as finished
	}()
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}
