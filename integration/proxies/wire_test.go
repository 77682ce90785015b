package proxies_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"time"

	"github.com/hookonce/hookonce/core"
)

// patience is how long a sender waits for its response.
const patience = 10 * time.Second

// What a sender sees instead of a status.
const (
	hangs  = -1 // no response in time
	closed = 0  // the connection ends without one
)

// wire is a request with how it is framed.
type wire struct {
	*core.Request

	chunked, trailer bool
}

// send writes a request to addr, byte for byte as its sender has it, and returns
// the status of the response.
func send(ctx context.Context, addr string, w wire) (int, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return 0, err
	}
	head, body := w.bytes()
	if _, err := conn.Write(head); err != nil {
		return 0, err
	}
	in := bufio.NewReader(conn)
	if w.Header.Get("Expect") != "" { // senders wait a moment only
		_ = conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		_, _ = in.Peek(1)
		_ = conn.SetReadDeadline(time.Now().Add(patience))
	}
	go func() { _, _ = conn.Write(body) }() // whoever refuses may not read it
	for {
		resp, err := http.ReadResponse(in, nil)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return hangs, nil
		case err != nil:
			return closed, nil //nolint:nilerr // it is what the sender sees
		case resp.StatusCode >= 200:
			_, _ = io.Copy(io.Discard, resp.Body)
			return resp.StatusCode, resp.Body.Close()
		}
	}
}

func (w wire) bytes() (head, body []byte) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: hooks.example\r\nUser-Agent: sender\r\nConnection: close\r\n", w.Method, w.URL)
	h := headers(w.Request)
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, v := range h[name] {
			fmt.Fprintf(&b, "%s: %s\r\n", name, v)
		}
	}
	body = w.Body
	if !w.chunked {
		fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n", len(body))
		return b.Bytes(), body
	}
	last := "0\r\n\r\n"
	if w.trailer {
		b.WriteString("Trailer: X-Checksum\r\n")
		last = "0\r\nX-Checksum: 7\r\n\r\n"
	}
	b.WriteString("Transfer-Encoding: chunked\r\n\r\n")
	half := len(body) / 2
	return b.Bytes(), fmt.Appendf(nil, "%x\r\n%s\r\n%x\r\n%s\r\n%s", half, body[:half], len(body)-half, body[half:], last)
}

// follow sends as a client that follows redirects.
func follow(ctx context.Context, addr string, w wire) (int, error) {
	u, err := url.Parse("http://" + addr + w.URL)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, w.Method, u.String(), bytes.NewReader(w.Body))
	if err != nil {
		return 0, err
	}
	q.Header, q.Close = headers(w.Request).Clone(), true
	resp, err := http.DefaultClient.Do(q)
	if err != nil {
		return 0, err
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, resp.Body.Close()
}
