package fiberv3wh_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/adaptor"
	fiberrecover "github.com/gofiber/fiber/v3/middleware/recover"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/fiberv3wh"
	"github.com/hookonce/hookonce/internal/adaptertest"
	"github.com/hookonce/hookonce/internal/adaptertest/fibertest"
	"github.com/hookonce/hookonce/whtest"
)

func TestSuite(t *testing.T) {
	on := func(serve func(testing.TB, *fiber.App) string) fibertest.Mount {
		return func(tb testing.TB, m whtest.AdapterMount, streaming bool) string {
			return strings.TrimSuffix(serve(tb, mountSuite(m, streaming)), "/hook")
		}
	}
	fibertest.TestSuite(t, map[string]fibertest.Mount{
		"Listener": on(serveListener),
		// fiber alone loses refusals: without our listener it needs another lingering one.
		"another listener": on(func(tb testing.TB, app *fiber.App) string {
			return serveOn(tb, app, fibertest.Lingering{Listener: adaptertest.Listen(tb)})
		}),
	})
}

// mountSuite mounts the adapter for the suite.
func mountSuite(m whtest.AdapterMount, streaming bool) *fiber.App {
	var opts []fiberv3wh.Option
	if m.Deny {
		opts = append(opts, fiberv3wh.Deny(func(c fiber.Ctx, err *core.Error) error {
			return c.Status(http.StatusTeapot).SendString("denied: " + string(err.Reason))
		}))
	}
	config := fiber.Config{StreamRequestBody: streaming, DisablePreParseMultipartForm: true}
	if m.ErrorsAsSuccess {
		config.ErrorHandler = func(c fiber.Ctx, _ error) error { return c.SendStatus(http.StatusOK) }
	}
	app := fiber.New(config)
	if m.Log != nil {
		app.Use(func(c fiber.Ctx) error {
			err := c.Next()
			m.Log(c.Response().StatusCode())
			return err
		})
	}
	if m.Timeout > 0 {
		app.Use(timeout(m.Timeout))
	}
	if m.RecoverOutside {
		app.Use(fiberrecover.New())
	}
	handlers := []any{fiberv3wh.New(m.Verifier, opts...)}
	routes := app.Group("/")
	if m.Twice {
		routes = app.Group("/", handlers...)
		handlers = []any{fiberv3wh.New(m.Verifier)}
	}
	if m.RecoverInside {
		handlers = append(handlers, fiberrecover.New())
	}
	run := func(c fiber.Ctx) error { return m.Handler(call(c)) }
	if m.DispatchAgain {
		routes.Post("/again", handlers[0], append(slices.Clone(handlers[1:]), run)...)
		run = func(c fiber.Ctx) error {
			c.Path("/again")
			return c.RestartRouting()
		}
	}
	routes.Post("/*", handlers[0], append(handlers[1:], run)...)
	return app
}

// timeout gives the handlers a context that ends. fiber's own timeout leaves them running beside
// its response.
func timeout(d time.Duration) fiber.Handler {
	return func(c fiber.Ctx) error {
		outer := c.Context()
		ctx, cancel := context.WithTimeout(outer, d)
		defer cancel()
		c.SetContext(ctx)
		err := c.Next()
		c.SetContext(outer)
		if errors.Is(err, context.DeadlineExceeded) {
			return fiber.ErrRequestTimeout
		}
		return err
	}
}

func call(c fiber.Ctx) *whtest.AdapterCall {
	return &whtest.AdapterCall{
		Context: c.Context(), Message: fiberv3wh.Message(c),
		Bodies: map[string]func() ([]byte, error){
			"body":    func() ([]byte, error) { return c.Request().Body(), nil },
			"BodyRaw": func() ([]byte, error) { return c.BodyRaw(), nil },
			"adaptor.HTTPHandler": func() ([]byte, error) {
				var b []byte
				var err error
				_ = adaptor.HTTPHandlerFunc(func(_ http.ResponseWriter, r *http.Request) { b, err = io.ReadAll(r.Body) })(c)
				return b, err
			},
		},
		Status: func(status int) { c.Status(status) },
		Write:  func(p []byte) { _, _ = c.Write(p) },
		Flush:  func() {}, // fasthttp sends after all handlers have returned
		Hijack: func() error {
			c.RequestCtx().HijackSetNoResponse(true)
			c.RequestCtx().Hijack(func(conn net.Conn) {
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			})
			return nil
		},
	}
}
