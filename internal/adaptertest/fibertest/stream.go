package fibertest

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/adaptertest"
)

// Streaming starts an application that sets StreamRequestBody, and returns the
// address of /hook. There the adapter of k is upstream of a handler that
// responds with the body. GET /smuggled, which must not be reached through the
// rest of another body, counts in smuggled. A readTimeout of zero is none.
type Streaming func(t *testing.T, k *adaptertest.Kit, readTimeout time.Duration) (target string, smuggled *atomic.Int32)

// TestARefusedStreamIsNotParsedAsTheNextRequest is a test of every adapter for
// fiber.
func TestARefusedStreamIsNotParsedAsTheNextRequest(t *testing.T, streaming Streaming) {
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
			k := adaptertest.NewKit(t, core.Config{MaxBody: c.limit})
			target, smuggled := streaming(t, k, 0)
			conn := adaptertest.Dial(t, target)
			go fmt.Fprintf(conn, "%s%s%s\r\n%s", k.Head(t, "msg_1", long), c.unsigned, c.tail, c.body)
			from := bufio.NewReader(conn)
			if r := adaptertest.Read(t, from); r.Status != c.status || !r.Closed {
				t.Errorf("got %d, connection closed: %v", r.Status, r.Closed)
			}
			_, _ = io.Copy(io.Discard, from)
			if n := smuggled.Load(); n != 0 {
				t.Errorf("%d requests were made of the body", n)
			}
		})
	}
}

// TestAStreamedBodyUpToTheLimitKeepsTheConnection is a test of every adapter
// for fiber.
func TestAStreamedBodyUpToTheLimitKeepsTheConnection(t *testing.T, streaming Streaming) {
	t.Parallel()
	k := adaptertest.NewKit(t, core.Config{MaxBody: 20_000, BodyTimeout: 5 * time.Second})
	target, _ := streaming(t, k, 0)
	conn := adaptertest.Dial(t, target)
	from := bufio.NewReader(conn)
	body := strings.Repeat("x", 20_000)
	for i, tail := range []string{
		fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body),
		fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body),
		fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body),
	} {
		fmt.Fprint(conn, k.Head(t, fmt.Sprintf("msg_%d", i), body), tail)
		if r := adaptertest.Read(t, from); r.Status != 200 || r.Body != body || r.Closed {
			t.Fatalf("%d: got %d %s, closed: %v: %v", i, r.Status, r.Body, r.Closed, k.Last().Err)
		}
		if i == 1 {
			time.Sleep(5100 * time.Millisecond) // a leftover read deadline would end the connection now
		}
	}
}

// TestASlowStreamIsGivenUp is a test of every adapter for fiber.
func TestASlowStreamIsGivenUp(t *testing.T, streaming Streaming) {
	t.Parallel()
	for _, c := range []struct {
		name            string
		timeout, server time.Duration
	}{
		{"after Config.BodyTimeout", 100 * time.Millisecond, 0},
		{"after fiber's ReadTimeout if that is shorter", time.Minute, 5 * time.Second},
		{"after Config.BodyTimeout if that is shorter", 100 * time.Millisecond, time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k := adaptertest.NewKit(t, core.Config{BodyTimeout: c.timeout})
			target, _ := streaming(t, k, c.server)
			conn := adaptertest.Dial(t, target)
			fmt.Fprintf(conn, "%sTransfer-Encoding: chunked\r\n\r\n5\r\n", k.Head(t, "msg_1", "x"))
			if r := adaptertest.Read(t, bufio.NewReader(conn)); r.Status != http.StatusRequestTimeout || !r.Closed {
				t.Errorf("got %d, closed: %v", r.Status, r.Closed)
			}
			if got := k.Last().Reason; got != core.ErrBodyTooSlow {
				t.Errorf("observed %s", got)
			}
		})
	}
}

// TestAStreamThatBreaksOffIsNoWrongSignature is a test of every adapter for
// fiber.
func TestAStreamThatBreaksOffIsNoWrongSignature(t *testing.T, streaming Streaming) {
	t.Parallel()
	k := adaptertest.NewKit(t, core.Config{})
	target, _ := streaming(t, k, 0)
	for _, tail := range []string{
		"Transfer-Encoding: chunked\r\n\r\n5\r\nab", // in a chunk
		"Transfer-Encoding: chunked\r\n\r\nzz\r\n",  // no size
		"Content-Length: 100000\r\n\r\n" + strings.Repeat("x", 50_000),
	} {
		conn := adaptertest.Dial(t, target)
		fmt.Fprint(conn, k.Head(t, "msg_1", "abcde"), tail)
		if c, ok := conn.(interface{ CloseWrite() error }); ok {
			_ = c.CloseWrite()
		}
		if r := adaptertest.Read(t, bufio.NewReader(conn)); r.Status != 400 || k.Last().Reason != core.ErrMalformed {
			t.Errorf("got %d, observed %v", r.Status, k.Last().Err)
		}
	}
}
