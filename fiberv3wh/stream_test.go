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
	"github.com/hookonce/hookonce/internal/adaptertest"
	"github.com/hookonce/hookonce/internal/adaptertest/fibertest"
)

// streaming is a server that passes on unread bodies, with a route that must not be reached through
// the rest of another body.
func streaming(t *testing.T, k *adaptertest.Kit, readTimeout time.Duration) (target string, smuggled *atomic.Int32) {
	t.Helper()
	app := fiber.New(fiber.Config{StreamRequestBody: true, ReadTimeout: readTimeout})
	smuggled = new(atomic.Int32)
	app.Get("/smuggled", func(fiber.Ctx) error {
		smuggled.Add(1)
		return nil
	})
	app.Post("/hook", fiberv3wh.New(k.Verifier), func(c fiber.Ctx) error { return c.Send(c.Body()) })
	return serve(t, app), smuggled
}

func TestARefusedStreamIsNotParsedAsTheNextRequest(t *testing.T) {
	fibertest.TestARefusedStreamIsNotParsedAsTheNextRequest(t, streaming)
}

func TestAStreamedBodyUpToTheLimitKeepsTheConnection(t *testing.T) {
	fibertest.TestAStreamedBodyUpToTheLimitKeepsTheConnection(t, streaming)
}

func TestASlowStreamIsGivenUp(t *testing.T) {
	fibertest.TestASlowStreamIsGivenUp(t, streaming)
}

func TestAStreamThatBreaksOffIsNoWrongSignature(t *testing.T) {
	fibertest.TestAStreamThatBreaksOffIsNoWrongSignature(t, streaming)
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
			k := adaptertest.NewKit(t, core.Config{})
			app := fiber.New(fiber.Config{StreamRequestBody: true})
			app.Use(func(ctx fiber.Ctx) error {
				c.before(ctx)
				return ctx.Next()
			})
			app.Post("/hook", fiberv3wh.New(k.Verifier), func(fiber.Ctx) error { return nil })
			if r := adaptertest.Do(t, k.Request(t, serve(t, app), "msg_1", 0, adaptertest.Event)); r.Status != c.status || k.Last().Reason != c.reason {
				t.Errorf("got %d, observed %v", r.Status, k.Last().Err)
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
				k := adaptertest.NewKit(t, core.Config{MaxBody: 1000, DangerouslyReportOnly: true})
				app := fiber.New(fiber.Config{StreamRequestBody: stream})
				app.Post("/hook", fiberv3wh.New(k.Verifier), func(c fiber.Ctx) error {
					if m := fiberv3wh.Message(c); m.ID != "" {
						t.Errorf("a message that would have been refused: %s", m.ID)
					}
					return c.Send(c.Body())
				})
				req := k.Request(t, serve(t, app), "msg_1", 0, body)
				if chunked {
					req.ContentLength = -1
				}
				if r := adaptertest.Do(t, req); r.Status != 200 || r.Body != body {
					t.Errorf("got %d and %d bytes", r.Status, len(r.Body))
				}
				if got := k.Last().Reason; got != core.ErrBodyTooLarge {
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
			k := adaptertest.NewKit(t, core.Config{MaxBody: 1000, DangerouslyReportOnly: true})
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
			conn := adaptertest.Dial(t, serve(t, app))
			fmt.Fprintf(conn, "%sTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", k.Head(t, "msg_1", start+rest), len(start), start)
			select {
			case <-running:
			case <-time.After(10 * time.Second):
				t.Fatal("the handler does not run before the whole body has arrived")
			}
			fmt.Fprintf(conn, "%x\r\n%s\r\n0\r\n\r\n", len(rest), rest)
			if r := adaptertest.Read(t, bufio.NewReader(conn)); r.Status != 200 || r.Body != c.want || r.Closed != c.closed {
				t.Errorf("got %d and %d bytes, closed: %v", r.Status, len(r.Body), r.Closed)
			}
			if got := k.Last().Reason; got != core.ErrBodyTooLarge {
				t.Errorf("observed %s", got)
			}
		})
	}
}
