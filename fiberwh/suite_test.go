package fiberwh_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	fiberrecover "github.com/gofiber/fiber/v2/middleware/recover"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/fiberwh"
	"github.com/hookonce/hookonce/whtest"
)

func TestSuite(t *testing.T) {
	t.Parallel()
	for _, streaming := range []bool{false, true} {
		t.Run(fmt.Sprintf("StreamRequestBody %v", streaming), func(t *testing.T) {
			t.Parallel()
			whtest.TestAdapter(t, whtest.Adapter{
				Serve:           func(t testing.TB, m whtest.AdapterMount) string { return serveSuite(t, m, streaming) },
				ServerReadsBody: true, HandlerErrors: true, Hijacks: true, PanicEndsProcess: true,
			})
		})
	}
}

// serveSuite mounts the adapter for the suite.
func serveSuite(t testing.TB, m whtest.AdapterMount, streaming bool) string {
	t.Helper()
	var opts []fiberwh.Option
	if m.Deny {
		opts = append(opts, fiberwh.Deny(func(c *fiber.Ctx, err *core.Error) error {
			return c.Status(http.StatusTeapot).SendString("denied: " + string(err.Reason))
		}))
	}
	app := fiber.New(fiber.Config{StreamRequestBody: streaming, DisablePreParseMultipartForm: true})
	if m.RecoverOutside {
		app.Use(fiberrecover.New())
	}
	handlers := []fiber.Handler{fiberwh.New(m.Verifier, opts...)}
	routes := app.Group("/")
	if m.Twice {
		routes = app.Group("/", handlers...)
		handlers = []fiber.Handler{fiberwh.New(m.Verifier)}
	}
	if m.RecoverInside {
		handlers = append(handlers, fiberrecover.New())
	}
	routes.Post("/*", append(handlers, func(c *fiber.Ctx) error { return m.Handler(call(c)) })...)
	return strings.TrimSuffix(serve(t, app), "/hook")
}

func call(c *fiber.Ctx) *whtest.AdapterCall {
	return &whtest.AdapterCall{
		Context: c.UserContext(), Message: fiberwh.Message(c),
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
		Flush:  func() {}, // fasthttp sends when all handlers are done
		Hijack: func() error {
			c.Context().HijackSetNoResponse(true)
			c.Context().Hijack(func(conn net.Conn) {
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			})
			return nil
		},
	}
}
