package main

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"
)

type health struct {
	db       *pgxpool.Pool
	rdb      *redis.Client
	logger   *slog.Logger
	draining atomic.Bool
}

// live reports that the process runs. It has no dependencies: a restart does
// not repair Redis.
func (*health) live(c *gin.Context) { c.String(http.StatusOK, "ok") }

// ready reports whether messages can be handled. The reason is only for the
// log, not for the response.
func (h *health) ready(c *gin.Context) {
	if h.draining.Load() {
		c.String(http.StatusServiceUnavailable, "not ready")
		return
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), time.Second)
	defer cancel()
	redisDown := make(chan error, 1)
	go func() { redisDown <- h.rdb.Ping(ctx).Err() }()
	dbErr, redisErr := h.db.Ping(ctx), <-redisDown
	for name, err := range map[string]error{"postgresql": dbErr, "redis": redisErr} {
		if err != nil {
			h.logger.Warn("not ready", "dependency", name, "error", err.Error())
		}
	}
	if dbErr != nil || redisErr != nil {
		c.String(http.StatusServiceUnavailable, "not ready")
		return
	}
	c.String(http.StatusOK, "ready")
}
