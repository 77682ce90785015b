package fiberwh_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/fiberwh"
)

// Not parallel: it measures memory. Without the listener each connection takes 1 MiB.
func TestAnAnnouncedBodyHoldsLittleMemory(t *testing.T) {
	const connections = 200
	for sent, most := range map[int]int64{1: 64 << 10, 20 << 10: 128 << 10} {
		k := newKit(t, core.Config{})
		target := serveListener(t, hooked(k, fiber.Config{ReadTimeout: time.Minute}))
		body := strings.Repeat("x", 1<<20)
		before := held()
		for range connections {
			conn := dial(t, target)
			fmt.Fprintf(conn, "%sContent-Length: %d\r\n\r\n%s", k.head(t, "msg_1", body), len(body), body[:sent])
			defer conn.Close()
		}
		time.Sleep(300 * time.Millisecond) // until all have been read
		if got := (held() - before) / connections; got > most {
			t.Errorf("a connection that announces 1 MiB and sends %d bytes holds %d bytes, want %d at most", sent, got, most)
		} else {
			t.Logf("announced 1 MiB, sent %d bytes: %d bytes a connection", sent, got)
		}
	}
}

// held is the size of heap and stacks.
func held() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// hooked is an app with a route of a sender and another one.
func hooked(k *kit, cfg fiber.Config) *fiber.App {
	cfg.DisableStartupMessage = true
	app := fiber.New(cfg)
	app.Post("/hook", fiberwh.New(k.Verifier), func(c *fiber.Ctx) error { return c.Send(c.Body()) })
	app.Post("/other", func(c *fiber.Ctx) error {
		if form, err := c.MultipartForm(); err == nil {
			return c.SendString(form.Value["a"][0] + form.File["f"][0].Filename)
		}
		return c.Send(c.Body())
	})
	return app
}

func TestTheListenerKeepsTheLimitsOfOtherRoutes(t *testing.T) {
	t.Parallel()
	k := newKit(t, core.Config{})
	var runs atomic.Int32
	app := fiber.New(fiber.Config{BodyLimit: 50_000, ErrorHandler: func(c *fiber.Ctx, err error) error {
		return c.Status(http.StatusTeapot).SendString(err.Error())
	}})
	app.Post("/other", func(c *fiber.Ctx) error {
		runs.Add(1)
		return c.Send(c.Body())
	})
	app.Post("/hook", fiberwh.New(k.Verifier), func(*fiber.Ctx) error { return nil })
	target := strings.Replace(serveListener(t, app), "/hook", "/other", 1)
	for _, size := range []int{0, 1, 8 << 10, 16 << 10, 16<<10 + 1, 50_000, 50_001, 200_000} {
		for _, chunked := range []bool{false, true} {
			body := strings.Repeat("0123456789", size/10+1)[:size]
			req := k.request(t, target, "msg_1", 0, body)
			if chunked {
				req.ContentLength = -1
			}
			before := runs.Load()
			r := do(t, req)
			switch fits := size <= 50_000; {
			case fits && (r.status != 200 || r.body != body || r.closed):
				t.Errorf("%d bytes, chunked %v: got %d with %d bytes, closed: %v", size, chunked, r.status, len(r.body), r.closed)
			case !fits && (r.status != http.StatusTeapot || r.body != "Request Entity Too Large" || !r.closed):
				t.Errorf("%d bytes, chunked %v: got %d %q, closed: %v", size, chunked, r.status, r.body, r.closed)
			case fits != (runs.Load() == before+1):
				t.Errorf("%d bytes, chunked %v: the handler ran %d times", size, chunked, runs.Load()-before)
			}
		}
	}
}

func TestTheListenerPassesFormsOnAndKeepsTheSignedBytes(t *testing.T) {
	t.Parallel()
	k := newKit(t, core.Config{})
	target := serveListener(t, hooked(k, fiber.Config{})) // forms are parsed first by default
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	_ = w.WriteField("a", "value ")
	f, _ := w.CreateFormFile("f", "name")
	_, _ = io.WriteString(f, strings.Repeat("x", 100_000))
	_ = w.Close()
	for path, want := range map[string]string{"/other": "value name", "/hook": form.String()} {
		req := k.request(t, strings.Replace(target, "/hook", path, 1), "msg_1", 0, form.String())
		req.Header.Set("Content-Type", w.FormDataContentType())
		if r := do(t, req); r.status != 200 || r.body != want {
			t.Errorf("%s: got %d %.100q: %v", path, r.status, r.body, k.last().Err)
		}
	}
}

func TestRequestsFollowEachOtherOverTheListener(t *testing.T) {
	t.Parallel()
	k := newKit(t, core.Config{})
	conn := dial(t, serveListener(t, hooked(k, fiber.Config{})))
	var text strings.Builder
	bodies := []string{"{}", strings.Repeat("a", 30_000), "", strings.Repeat("b", 300_000), "[]"}
	for i, body := range bodies {
		fmt.Fprint(&text, k.head(t, fmt.Sprintf("msg_%d", i), body))
		if i%2 == 1 {
			fmt.Fprintf(&text, "Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
		} else {
			fmt.Fprintf(&text, "Content-Length: %d\r\n\r\n%s", len(body), body)
		}
	}
	go io.WriteString(conn, text.String()) //nolint:errcheck // a failure shows below
	from := bufio.NewReader(conn)
	for i, body := range bodies {
		if r := read(t, from); r.status != 200 || r.body != body || r.closed {
			t.Fatalf("%d: got %d and %d bytes: %v", i, r.status, len(r.body), k.last().Err)
		}
	}
}

func TestABodyThatBreaksOffIsNotHandledOverTheListener(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, tail string
		half       bool
		status     int
	}{
		{"announced", "Content-Length: 100000\r\n\r\n" + strings.Repeat("x", 50_000), true, 400},
		{"chunked", "Transfer-Encoding: chunked\r\n\r\n5\r\nab", true, 400},
		{"no chunk", "Transfer-Encoding: chunked\r\n\r\nzz\r\n", true, 400},
		{"announced and slow", "Content-Length: 100000\r\n\r\n" + strings.Repeat("x", 50_000), false, 408},
		{"chunked and slow", "Transfer-Encoding: chunked\r\n\r\n5\r\nab", false, 408},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k := newKit(t, core.Config{})
			target := serveListener(t, hooked(k, fiber.Config{ReadTimeout: 5 * time.Second}))
			conn := dial(t, target)
			fmt.Fprint(conn, k.head(t, "msg_1", "abcde"), c.tail)
			if half, ok := conn.(interface{ CloseWrite() error }); ok && c.half {
				_ = half.CloseWrite()
			}
			if r := read(t, bufio.NewReader(conn)); r.status != c.status || !r.closed || k.last().Reason != "" {
				t.Errorf("got %d, closed: %v, observed %q", r.status, r.closed, k.last().Reason)
			}
		})
	}
}

// closing returns when the server has finally closed a connection.
type closing struct {
	net.Listener

	closed chan time.Time
}

func (l closing) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if tcp, ok := c.(*net.TCPConn); ok {
		return closingConn{tcp, l.closed}, err
	}
	return c, err
}

type closingConn struct {
	*net.TCPConn

	closed chan time.Time
}

func (c closingConn) Close() error {
	c.closed <- time.Now()
	return c.TCPConn.Close()
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
	k := newKit(t, core.Config{})
	app := hooked(k, fiber.Config{})
	closed := make(chan time.Time, 1)
	ln := listen(t)
	serving := fiberwh.Listener(app, closing{ln, closed})
	go app.Listener(serving) //nolint:errcheck // ends with the test
	t.Cleanup(func() { _ = app.Shutdown() })
	conn := dial(t, "http://"+ln.Addr().String())
	began := time.Now()
	fmt.Fprint(conn, k.head(t, "msg_1", "{}"), tail)
	if more {
		go func() {
			for err := error(nil); err == nil; time.Sleep(10 * time.Millisecond) {
				_, err = conn.Write(make([]byte, 10_000))
			}
		}()
	}
	read(t, bufio.NewReader(conn))
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
	k := newKit(t, core.Config{})
	app := hooked(k, fiber.Config{})
	ln := listen(t)
	serving := fiberwh.Listener(app, ln)
	go app.Listener(serving) //nolint:errcheck // ends with Shutdown
	for i := range 8 {
		conn := dial(t, "http://"+ln.Addr().String())
		fmt.Fprintf(conn, "%sContent-Length: 2\r\n\r\n{}", k.head(t, fmt.Sprintf("msg_%d", i), "{}"))
		if r := read(t, bufio.NewReader(conn)); r.status != 200 || r.closed {
			t.Fatalf("got %d, closed: %v", r.status, r.closed)
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
	k := newKit(t, core.Config{})
	server := httptest.NewUnstartedServer(nil)
	server.StartTLS() // for its certificate
	defer server.Close()
	config := &tls.Config{Certificates: server.TLS.Certificates, MinVersion: tls.VersionTLS12}

	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Post("/hook", fiberwh.New(k.Verifier), func(c *fiber.Ctx) error { return c.SendString(c.Protocol()) })
	ln := listen(t)
	serving := tls.NewListener(fiberwh.Listener(app, ln), config)
	go app.Listener(serving) //nolint:errcheck // ends with the test
	t.Cleanup(func() { _ = app.Shutdown() })
	for i, size := range []int{2, 500_000, 5_000_000} {
		res, err := server.Client().Do(k.request(t, "https://"+ln.Addr().String()+"/hook", fmt.Sprintf("msg_%d", i), 0, strings.Repeat("x", size)))
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
		if r := recover(); r == nil || !strings.Contains(fmt.Sprint(r), "tls.NewListener(fiberwh.Listener(") {
			t.Errorf("around TLS it says %v", r)
		}
	}()
	fiberwh.Listener(app, tls.NewListener(ln, config))
}
