package fiberv3wh_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofiber/fiber/v3"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/fiberv3wh"
	"github.com/hookonce/hookonce/internal/adaptertest"
	"github.com/hookonce/hookonce/internal/adaptertest/fibertest"
)

// Not parallel: it measures memory.
func TestAnAnnouncedBodyHoldsLittleMemory(t *testing.T) {
	fibertest.TestAnAnnouncedBodyHoldsLittleMemory(t, serveHooked)
}

// hooked is an app with a route of a sender and another one.
func hooked(k *adaptertest.Kit, cfg fiber.Config) *fiber.App {
	app := fiber.New(cfg)
	app.Post("/hook", fiberv3wh.New(k.Verifier), func(c fiber.Ctx) error { return c.Send(c.Body()) })
	app.Post("/other", func(c fiber.Ctx) error {
		if form, err := c.MultipartForm(); err == nil {
			return c.SendString(form.Value["a"][0] + form.File["f"][0].Filename)
		}
		return c.Send(c.Body())
	})
	return app
}

// serveHooked is hooked behind the Listener.
func serveHooked(tb testing.TB, k *adaptertest.Kit, readTimeout time.Duration) string {
	tb.Helper()
	return serveListener(tb, hooked(k, fiber.Config{ReadTimeout: readTimeout}))
}

func TestTheListenerKeepsTheLimitsOfOtherRoutes(t *testing.T) {
	t.Parallel()
	k := adaptertest.NewKit(t, core.Config{})
	var runs atomic.Int32
	app := fiber.New(fiber.Config{BodyLimit: 50_000, ErrorHandler: func(c fiber.Ctx, err error) error {
		return c.Status(http.StatusTeapot).SendString(err.Error())
	}})
	app.Post("/other", func(c fiber.Ctx) error {
		runs.Add(1)
		return c.Send(c.Body())
	})
	app.Post("/hook", fiberv3wh.New(k.Verifier), func(fiber.Ctx) error { return nil })
	target := strings.Replace(serveListener(t, app), "/hook", "/other", 1)
	for _, size := range []int{0, 1, 8 << 10, 16 << 10, 16<<10 + 1, 50_000, 50_001, 200_000} {
		for _, chunked := range []bool{false, true} {
			body := strings.Repeat("0123456789", size/10+1)[:size]
			req := k.Request(t, target, "msg_1", 0, body)
			if chunked {
				req.ContentLength = -1
			}
			before := runs.Load()
			r := adaptertest.Do(t, req)
			switch fits := size <= 50_000; {
			case fits && (r.Status != 200 || r.Body != body || r.Closed):
				t.Errorf("%d bytes, chunked %v: got %d with %d bytes, closed: %v", size, chunked, r.Status, len(r.Body), r.Closed)
			case !fits && (r.Status != http.StatusTeapot || r.Body != "Request Entity Too Large" || !r.Closed):
				t.Errorf("%d bytes, chunked %v: got %d %q, closed: %v", size, chunked, r.Status, r.Body, r.Closed)
			case fits != (runs.Load() == before+1):
				t.Errorf("%d bytes, chunked %v: the handler ran %d times", size, chunked, runs.Load()-before)
			}
		}
	}
}

func TestTheListenerPassesFormsOnAndKeepsTheSignedBytes(t *testing.T) {
	fibertest.TestTheListenerPassesFormsOnAndKeepsTheSignedBytes(t, serveHooked)
}

func TestRequestsFollowEachOtherOverTheListener(t *testing.T) {
	fibertest.TestRequestsFollowEachOtherOverTheListener(t, serveHooked)
}

func TestABodyThatBreaksOffIsNotHandledOverTheListener(t *testing.T) {
	fibertest.TestABodyThatBreaksOffIsNotHandledOverTheListener(t, serveHooked)
}

func TestTheListenerLingersForAMomentWhereBytesAreUnread(t *testing.T) {
	t.Parallel()
	const linger = 500 * time.Millisecond
	for _, c := range []struct {
		name string
		tail string
		more bool // keeps sending
	}{
		{"the sender waits", "Content-Length: 100000000\r\n\r\n" + strings.Repeat("x", 10_000), false},
		{"the sender goes on", "Content-Length: 100000000\r\n\r\n", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if took := closedAfter(t, c.tail, c.more); took < linger {
				t.Errorf("closed after %v, want %v at least", took, linger)
			}
		})
	}
	t.Run("the request was read", func(t *testing.T) {
		t.Parallel()
		var all []time.Duration
		for range 20 { // a busy machine is slow, but not each time
			took := closedAfter(t, "Connection: close\r\nContent-Length: 2\r\n\r\n{}", false)
			if took < linger {
				return
			}
			all = append(all, took)
		}
		t.Errorf("closed after %v each", all)
	})
}

// closedAfter sends a request and returns the time until its connection is finally closed.
func closedAfter(t *testing.T, tail string, more bool) time.Duration {
	t.Helper()
	k := adaptertest.NewKit(t, core.Config{})
	app := hooked(k, fiber.Config{})
	closed := make(chan time.Time, 1)
	ln := adaptertest.Listen(t)
	serving := fiberv3wh.Listener(app, fibertest.Closing{Listener: ln, Closed: closed})
	go app.Listener(serving, fiber.ListenConfig{DisableStartupMessage: true}) //nolint:errcheck // ends with the test
	t.Cleanup(func() { _ = app.Shutdown() })
	conn := adaptertest.Dial(t, "http://"+ln.Addr().String())
	began := time.Now()
	fmt.Fprint(conn, k.Head(t, "msg_1", "{}"), tail)
	if more {
		go func() {
			for err := error(nil); err == nil; time.Sleep(10 * time.Millisecond) {
				_, err = conn.Write(make([]byte, 10_000))
			}
		}()
	}
	adaptertest.Read(t, bufio.NewReader(conn))
	select {
	case at := <-closed:
		return at.Sub(began)
	case <-time.After(10 * time.Second):
		t.Fatal("not closed")
		return 0
	}
}

func TestAnAppWithTheListenerEndsAtOnceWhileConnectionsAreIdle(t *testing.T) {
	t.Parallel()
	k := adaptertest.NewKit(t, core.Config{})
	app := hooked(k, fiber.Config{})
	ln := adaptertest.Listen(t)
	serving := fiberv3wh.Listener(app, ln)
	go app.Listener(serving, fiber.ListenConfig{DisableStartupMessage: true}) //nolint:errcheck // ends with Shutdown
	for i := range 8 {
		conn := adaptertest.Dial(t, "http://"+ln.Addr().String())
		fmt.Fprintf(conn, "%sContent-Length: 2\r\n\r\n{}", k.Head(t, fmt.Sprintf("msg_%d", i), "{}"))
		if r := adaptertest.Read(t, bufio.NewReader(conn)); r.Status != 200 || r.Closed {
			t.Fatalf("got %d, closed: %v", r.Status, r.Closed)
		}
	}
	began := time.Now()
	if err := app.ShutdownWithTimeout(10 * time.Second); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestTLSGoesAroundTheListener(t *testing.T) {
	t.Parallel()
	k := adaptertest.NewKit(t, core.Config{})
	server := httptest.NewUnstartedServer(nil)
	server.StartTLS() // for its certificate
	defer server.Close()
	config := &tls.Config{Certificates: server.TLS.Certificates, MinVersion: tls.VersionTLS12}

	app := fiber.New(fiber.Config{})
	app.Post("/hook", fiberv3wh.New(k.Verifier), func(c fiber.Ctx) error { return c.SendString(c.Scheme()) })
	ln := adaptertest.Listen(t)
	serving := tls.NewListener(fiberv3wh.Listener(app, ln), config)
	go app.Listener(serving, fiber.ListenConfig{DisableStartupMessage: true}) //nolint:errcheck // ends with the test
	t.Cleanup(func() { _ = app.Shutdown() })
	for i, size := range []int{2, 500_000, 5_000_000} {
		res, err := server.Client().Do(k.Request(t, "https://"+ln.Addr().String()+"/hook", fmt.Sprintf("msg_%d", i), 0, strings.Repeat("x", size)))
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		b, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if want := 200; size < 1<<20 && (res.StatusCode != want || string(b) != "https") || size > 1<<20 && res.StatusCode != 413 {
			t.Errorf("%d bytes: got %d %s", size, res.StatusCode, b)
		}
	}
	defer func() {
		if r := recover(); r == nil || !strings.Contains(fmt.Sprint(r), "tls.NewListener(fiberv3wh.Listener(") {
			t.Errorf("around TLS it says %v", r)
		}
	}()
	fiberv3wh.Listener(app, tls.NewListener(ln, config))
}
