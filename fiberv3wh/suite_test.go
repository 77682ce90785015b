package fiberv3wh_test

import (
	"context"
	"errors"
	"fmt"
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
	"github.com/hookonce/hookonce/whtest"
)

func TestSuite(t *testing.T) {
	t.Parallel()
	// fiber alone loses refusals: without our listener it needs another lingering one.
	withoutOurs := func(t testing.TB, app *fiber.App) string { return serveOn(t, app, lingering{listen(t)}) }
	for name, serve := range map[string]func(testing.TB, *fiber.App) string{"Listener": serveListener, "another listener": withoutOurs} {
		for _, streaming := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, StreamRequestBody %v", name, streaming), func(t *testing.T) {
				t.Parallel()
				whtest.TestAdapter(t, whtest.Adapter{
					Serve: func(t testing.TB, m whtest.AdapterMount) string {
						return strings.TrimSuffix(serve(t, mountSuite(m, streaming)), "/hook")
					},
					SilenceIs200: true, ServerReadsBody: true, HandlerErrors: true, Hijacks: true, PanicEndsProcess: true, Dispatches: true,
				})
			})
		}
	}
}

type lingering struct{ net.Listener }

func (l lingering) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if tcp, ok := c.(*net.TCPConn); ok {
		return lingeringConn{tcp}, err
	}
	return c, err
}

type lingeringConn struct{ *net.TCPConn }

func (c lingeringConn) Close() error {
	_ = c.CloseWrite()
	_ = c.SetReadDeadline(time.Now().Add(600 * time.Millisecond))
	_, _ = io.Copy(io.Discard, c.TCPConn)
	return c.TCPConn.Close()
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
