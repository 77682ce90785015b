package fibertest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/adaptertest"
)

// Hooked starts an application through the package's Listener and returns the
// address of /hook. There the adapter of k is upstream of a handler that
// responds with the body. The handler of /other does that too, but responds to
// a form with its field "a" and the name of its file "f". A readTimeout of zero
// is none.
type Hooked func(tb testing.TB, k *adaptertest.Kit, readTimeout time.Duration) (target string)

// TestAnAnnouncedBodyHoldsLittleMemory is not parallel: it measures memory.
// Without the listener each connection takes 1 MiB.
func TestAnAnnouncedBodyHoldsLittleMemory(t *testing.T, hooked Hooked) {
	const connections = 200
	for sent, most := range map[int]int64{1: 64 << 10, 20 << 10: 128 << 10} {
		k := adaptertest.NewKit(t, core.Config{})
		target := hooked(t, k, time.Minute)
		body := strings.Repeat("x", 1<<20)
		before := held()
		for range connections {
			conn := adaptertest.Dial(t, target)
			fmt.Fprintf(conn, "%sContent-Length: %d\r\n\r\n%s", k.Head(t, "msg_1", body), len(body), body[:sent])
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

// TestTheListenerPassesFormsOnAndKeepsTheSignedBytes is a test of every adapter
// for fiber.
func TestTheListenerPassesFormsOnAndKeepsTheSignedBytes(t *testing.T, hooked Hooked) {
	t.Parallel()
	k := adaptertest.NewKit(t, core.Config{})
	target := hooked(t, k, 0) // forms are parsed first by default
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	_ = w.WriteField("a", "value ")
	f, _ := w.CreateFormFile("f", "name")
	_, _ = io.WriteString(f, strings.Repeat("x", 100_000))
	_ = w.Close()
	for path, want := range map[string]string{"/other": "value name", "/hook": form.String()} {
		req := k.Request(t, strings.Replace(target, "/hook", path, 1), "msg_1", 0, form.String())
		req.Header.Set("Content-Type", w.FormDataContentType())
		if r := adaptertest.Do(t, req); r.Status != 200 || r.Body != want {
			t.Errorf("%s: got %d %.100q: %v", path, r.Status, r.Body, k.Last().Err)
		}
	}
}

// TestRequestsFollowEachOtherOverTheListener is a test of every adapter for
// fiber.
func TestRequestsFollowEachOtherOverTheListener(t *testing.T, hooked Hooked) {
	t.Parallel()
	k := adaptertest.NewKit(t, core.Config{})
	conn := adaptertest.Dial(t, hooked(t, k, 0))
	var text strings.Builder
	bodies := []string{"{}", strings.Repeat("a", 30_000), "", strings.Repeat("b", 300_000), "[]"}
	for i, body := range bodies {
		fmt.Fprint(&text, k.Head(t, fmt.Sprintf("msg_%d", i), body))
		if i%2 == 1 {
			fmt.Fprintf(&text, "Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
		} else {
			fmt.Fprintf(&text, "Content-Length: %d\r\n\r\n%s", len(body), body)
		}
	}
	go io.WriteString(conn, text.String()) //nolint:errcheck // a failure shows below
	from := bufio.NewReader(conn)
	for i, body := range bodies {
		if r := adaptertest.Read(t, from); r.Status != 200 || r.Body != body || r.Closed {
			t.Fatalf("%d: got %d and %d bytes: %v", i, r.Status, len(r.Body), k.Last().Err)
		}
	}
}

// TestABodyThatBreaksOffIsNotHandledOverTheListener is a test of every adapter
// for fiber.
func TestABodyThatBreaksOffIsNotHandledOverTheListener(t *testing.T, hooked Hooked) {
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
			k := adaptertest.NewKit(t, core.Config{})
			target := hooked(t, k, 5*time.Second)
			conn := adaptertest.Dial(t, target)
			fmt.Fprint(conn, k.Head(t, "msg_1", "abcde"), c.tail)
			if half, ok := conn.(interface{ CloseWrite() error }); ok && c.half {
				_ = half.CloseWrite()
			}
			if r := adaptertest.Read(t, bufio.NewReader(conn)); r.Status != c.status || !r.Closed || len(k.Events()) > 0 {
				t.Errorf("got %d, closed: %v, observed %+v", r.Status, r.Closed, k.Events())
			}
		})
	}
}

// Closing is a listener that tells when the server has finally closed a
// connection.
type Closing struct {
	net.Listener

	Closed chan time.Time
}

// Accept implements net.Listener.
func (l Closing) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if tcp, ok := c.(*net.TCPConn); ok {
		return closingConn{tcp, l.Closed}, err
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
