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

// server is a receiver in one framework. It serves every path and method: some
// senders check the endpoint with GET or OPTIONS.
type server struct {
	serve    func(net.Listener) error
	shutdown func(context.Context) error
}

func frameworkNames() []string { return []string{"nethttp", "gin", "echo", "fiber"} }

// newServer returns a server. handle returns the response to a message. Bodies
// are recorded up to a limit. newServer returns false for an unknown framework.
func newServer(framework string, v *core.Verifier, maxBody int64, handle func(context.Context) reply) (server, bool) {
	switch framework {
	case "nethttp":
		return overHTTP(nethttp.New(v)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handle(r.Context()).write(w) })), maxBody), true
	case "gin":
		gin.SetMode(gin.ReleaseMode)
		router := gin.New()
		router.NoRoute(ginwh.New(v), func(c *gin.Context) { handle(c.Request.Context()).write(c.Writer) })
		return overHTTP(router, maxBody), true
	case "echo":
		e := echo.New()
		e.Any("/*", func(c echo.Context) error { handle(c.Request().Context()).write(c.Response()); return nil }, echowh.New(v))
		return overHTTP(e, maxBody), true
	case "fiber":
		return overFiber(v, maxBody, handle), true
	default:
		return server{}, false
	}
}

func overHTTP(h http.Handler, maxBody int64) server {
	s := &http.Server{Handler: keeping(h, maxBody+1), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
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

// overFiber sets fiber's body limit above ours, so that a body over the limit
// is reported by ours. It allows headers as large as in other servers: a long
// list of signatures does not fit in fasthttp's 4 KiB.
func overFiber(v *core.Verifier, maxBody int64, handle func(context.Context) reply) server {
	app := fiber.New(fiber.Config{
		ReadTimeout: 10 * time.Second, IdleTimeout: time.Minute, BodyLimit: int(maxBody) + 1<<20, ReadBufferSize: 64 << 10,
		DisableStartupMessage: true,
	})
	app.All("/*", keepFiber(maxBody+1), fiberwh.New(v), func(c *fiber.Ctx) error { return handle(c.UserContext()).writeFiber(c) })
	return server{func(ln net.Listener) error { return app.Listener(fiberwh.Listener(app, ln)) }, app.ShutdownWithContext}
}
