package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/gofiber/fiber/v2"
	"github.com/labstack/echo/v4"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/echowh"
	"github.com/hookonce/hookonce/fiberwh"
	"github.com/hookonce/hookonce/ginwh"
	"github.com/hookonce/hookonce/nethttp"
)

// server is a receiver in one framework, on every path and for every method: some senders ask for the endpoint with GET or OPTIONS.
type server struct {
	serve    func(net.Listener) error
	shutdown func(context.Context) error
}

func frameworkNames() []string { return []string{"nethttp", "gin", "echo", "fiber"} }

// newServer makes it. handle returns the status to answer a message with. Nothing is known of another framework.
func newServer(framework string, v *core.Verifier, maxBody int64, handle func() int) (server, bool) {
	switch framework {
	case "nethttp":
		return overHTTP(nethttp.New(v)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(handle()) }))), true
	case "gin":
		gin.SetMode(gin.ReleaseMode)
		router := gin.New()
		router.NoRoute(ginwh.New(v), func(c *gin.Context) { c.Status(handle()) })
		return overHTTP(router), true
	case "echo":
		e := echo.New()
		e.Any("/*", func(c echo.Context) error { return c.NoContent(handle()) }, echowh.New(v))
		return overHTTP(e), true
	case "fiber":
		return overFiber(v, maxBody, handle), true
	default:
		return server{}, false
	}
}

func overHTTP(h http.Handler) server {
	s := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	return server{
		func(ln net.Listener) error {
			if err := s.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
				return err
			}
			return nil
		},
		s.Shutdown,
	}
}

// overFiber has fiber's limit of the body above ours, so that ours is the one that is told, and room for a head as large as other servers allow in
// practice: fasthttp's 4 KiB hold no long list of signatures.
func overFiber(v *core.Verifier, maxBody int64, handle func() int) server {
	app := fiber.New(fiber.Config{
		ReadTimeout: 10 * time.Second, IdleTimeout: time.Minute, BodyLimit: int(maxBody) + 1<<20, ReadBufferSize: 64 << 10,
		DisableStartupMessage: true,
	})
	app.All("/*", fiberwh.New(v), func(c *fiber.Ctx) error { return c.SendStatus(handle()) })
	return server{func(ln net.Listener) error { return app.Listener(fiberwh.Listener(app, ln)) }, app.ShutdownWithContext}
}
