package fiberv3wh_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/adaptor"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/fiberv3wh"
)

// streaming is a server that passes on unread bodies, with a route that must not be reached through
// the rest of another body.
func streaming(t *testing.T, k *kit, cfg fiber.Config) (target string, smuggled *atomic.Int32) {
	t.Helper()
	cfg.StreamRequestBody = true
	app := fiber.New(cfg)
	smuggled = new(atomic.Int32)
	app.Get("/smuggled", func(fiber.Ctx) error {
		smuggled.Add(1)
		return nil
	})
	app.Post("/hook", fiberv3wh.New(k.Verifier), func(c fiber.Ctx) error { return c.Send(c.Body()) })
	return serve(t, app), smuggled
}

func TestARefusedStreamIsNotParsedAsTheNextRequest(t *testing.T) {
	t.Parallel()
	const inner = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
	// More than fasthttp reads ahead, full of requests.
	long := strings.Repeat(inner, 2000)
	chunk := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(long), long)
	for _, c := range []struct {
		name, unsigned, tail, body string
		limit                      int64
		status                     int
	}{
		{"a wrong head, and a long body", "Webhook-Id: msg_2\r\n", fmt.Sprintf("Content-Length: %d\r\n", len(long)), long, 1 << 20, 400},
		{"a wrong head, and a chunked body", "Webhook-Id: msg_2\r\n", "Transfer-Encoding: chunked\r\n", chunk, 1 << 20, 400},
		{"an announced length over the limit", "", fmt.Sprintf("Content-Length: %d\r\n", len(long)), long, 1 << 10, 413},
		{"a chunked body over the limit", "", "Transfer-Encoding: chunked\r\n", chunk, 1 << 10, 413},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k := newKit(t, core.Config{MaxBody: c.limit})
			target, smuggled := streaming(t, k, fiber.Config{})
			conn := dial(t, target)
			go fmt.Fprintf(conn, "%s%s%s\r\n%s", k.head(t, "msg_1", long), c.unsigned, c.tail, c.body)
			from := bufio.NewReader(conn)
			if r := read(t, from); r.status != c.status || !r.closed {
				t.Errorf("got %d, connection closed: %v", r.status, r.closed)
			}
			_, _ = io.Copy(io.Discard, from)
			if n := smuggled.Load(); n != 0 {
				t.Errorf("%d requests were made of the body", n)
			}
		})
	}
}

func TestAStreamedBodyUpToTheLimitKeepsTheConnection(t *testing.T) {
	t.Parallel()
	k := newKit(t, core.Config{MaxBody: 20_000, BodyTimeout: 5 * time.Second})
	target, _ := streaming(t, k, fiber.Config{})
	conn := dial(t, target)
	from := bufio.NewReader(conn)
	body := strings.Repeat("x", 20_000)
	for i, tail := range []string{
		fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body),
		fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body),
		fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body),
	} {
		fmt.Fprint(conn, k.head(t, fmt.Sprintf("msg_%d", i), body), tail)
		if r := read(t, from); r.status != 200 || r.body != body || r.closed {
			t.Fatalf("%d: got %d %s, closed: %v: %v", i, r.status, r.body, r.closed, k.last().Err)
		}
		if i == 1 {
			time.Sleep(5100 * time.Millisecond) // a leftover read deadline would end the connection now
		}
	}
}

func TestASlowStreamIsGivenUp(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		timeout time.Duration
		config  fiber.Config
	}{
		{"after Config.BodyTimeout", 100 * time.Millisecond, fiber.Config{}},
		{"after fiber's ReadTimeout if that is shorter", time.Minute, fiber.Config{ReadTimeout: 5 * time.Second}},
		{"after Config.BodyTimeout if that is shorter", 100 * time.Millisecond, fiber.Config{ReadTimeout: time.Minute}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k := newKit(t, core.Config{BodyTimeout: c.timeout})
			target, _ := streaming(t, k, c.config)
			conn := dial(t, target)
			fmt.Fprintf(conn, "%sTransfer-Encoding: chunked\r\n\r\n5\r\n", k.head(t, "msg_1", "x"))
			if r := read(t, bufio.NewReader(conn)); r.status != http.StatusRequestTimeout || !r.closed {
				t.Errorf("got %d, closed: %v", r.status, r.closed)
			}
			if got := k.last().Reason; got != core.ErrBodyTooSlow {
				t.Errorf("observed %s", got)
			}
		})
	}
}

func TestAStreamThatBreaksOffIsNoWrongSignature(t *testing.T) {
	t.Parallel()
	k := newKit(t, core.Config{})
	target, _ := streaming(t, k, fiber.Config{})
	for _, tail := range []string{
		"Transfer-Encoding: chunked\r\n\r\n5\r\nab", // in a chunk
		"Transfer-Encoding: chunked\r\n\r\nzz\r\n",  // no size
		"Content-Length: 100000\r\n\r\n" + strings.Repeat("x", 50_000),
	} {
		conn := dial(t, target)
		fmt.Fprint(conn, k.head(t, "msg_1", "abcde"), tail)
		if c, ok := conn.(interface{ CloseWrite() error }); ok {
			_ = c.CloseWrite()
		}
		if r := read(t, bufio.NewReader(conn)); r.status != 400 || k.last().Reason != core.ErrMalformed {
			t.Errorf("got %d, observed %v", r.status, k.last().Err)
		}
	}
}

func TestAStreamReadBeforeUs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		before func(c fiber.Ctx)
		status int
		reason core.Reason
	}{
		{"by c.Body, which keeps it", func(c fiber.Ctx) { c.Body() }, 200, core.Handled},
		{"taken off the stream", func(c fiber.Ctx) { _, _ = io.Copy(io.Discard, c.RequestCtx().RequestBodyStream()) }, 500, core.ErrBodyConsumed},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k := newKit(t, core.Config{})
			app := fiber.New(fiber.Config{StreamRequestBody: true})
			app.Use(func(ctx fiber.Ctx) error {
				c.before(ctx)
				return ctx.Next()
			})
			app.Post("/hook", fiberv3wh.New(k.Verifier), func(fiber.Ctx) error { return nil })
			if r := do(t, k.request(t, serve(t, app), "msg_1", 0, event)); r.status != c.status || k.last().Reason != c.reason {
				t.Errorf("got %d, observed %v", r.status, k.last().Err)
			}
		})
	}
}

// In report-only mode the handler gets the whole body, whatever is wrong with it.
func TestReportOnlyPassesEveryBodyOn(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("x", 50_000)
	for _, stream := range []bool{false, true} {
		for _, chunked := range []bool{false, true} {
			t.Run(fmt.Sprintf("streaming %v, chunked %v", stream, chunked), func(t *testing.T) {
				t.Parallel()
				k := newKit(t, core.Config{MaxBody: 1000, DangerouslyReportOnly: true})
				app := fiber.New(fiber.Config{StreamRequestBody: stream})
				app.Post("/hook", fiberv3wh.New(k.Verifier), func(c fiber.Ctx) error {
					if m := fiberv3wh.Message(c); m.ID != "" {
						t.Errorf("a message that would have been refused: %s", m.ID)
					}
					return c.Send(c.Body())
				})
				req := k.request(t, serve(t, app), "msg_1", 0, body)
				if chunked {
					req.ContentLength = -1
				}
				if r := do(t, req); r.status != 200 || r.body != body {
					t.Errorf("got %d and %d bytes", r.status, len(r.body))
				}
				if got := k.last().Reason; got != core.ErrBodyTooLarge {
					t.Errorf("observed %s", got)
				}
			})
		}
	}
}

// Unsigned senders must not fill the memory, so the rest of a longer body is read by the handler.
func TestReportOnlyReadsALongBodyOnlyAsTheHandlerDoes(t *testing.T) {
	t.Parallel()
	start, rest := strings.Repeat("x", 1001), strings.Repeat("y", 50_000)
	for _, c := range []struct {
		name   string
		read   func(c fiber.Ctx) ([]byte, error)
		want   string
		closed bool
	}{
		{"by Body", func(c fiber.Ctx) ([]byte, error) { return c.Body(), nil }, start + rest, false},
		{"by BodyRaw", func(c fiber.Ctx) ([]byte, error) { return c.BodyRaw(), nil }, start + rest, false},
		{"from the stream", func(c fiber.Ctx) ([]byte, error) { return io.ReadAll(c.RequestCtx().RequestBodyStream()) }, start + rest, true},
		{"behind adaptor.HTTPHandler", func(c fiber.Ctx) (body []byte, err error) {
			_ = adaptor.HTTPHandlerFunc(func(_ http.ResponseWriter, r *http.Request) { body, err = io.ReadAll(r.Body) })(c)
			return body, err
		}, start + rest, false},
		{"not at all", func(fiber.Ctx) ([]byte, error) { return nil, nil }, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k := newKit(t, core.Config{MaxBody: 1000, DangerouslyReportOnly: true})
			running := make(chan struct{})
			app := fiber.New(fiber.Config{StreamRequestBody: true})
			app.Post("/hook", fiberv3wh.New(k.Verifier), func(ctx fiber.Ctx) error {
				close(running)
				body, err := c.read(ctx)
				if err != nil {
					return err
				}
				return ctx.Send(body)
			})
			conn := dial(t, serve(t, app))
			fmt.Fprintf(conn, "%sTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", k.head(t, "msg_1", start+rest), len(start), start)
			select {
			case <-running:
			case <-time.After(10 * time.Second):
				t.Fatal("the handler does not run before the whole body has arrived")
			}
			fmt.Fprintf(conn, "%x\r\n%s\r\n0\r\n\r\n", len(rest), rest)
			if r := read(t, bufio.NewReader(conn)); r.status != 200 || r.body != c.want || r.closed != c.closed {
				t.Errorf("got %d and %d bytes, closed: %v", r.status, len(r.body), r.closed)
			}
			if got := k.last().Reason; got != core.ErrBodyTooLarge {
				t.Errorf("observed %s", got)
			}
		})
	}
}
