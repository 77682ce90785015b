package proxies_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/hookonce/hookonce/core"
)

// send writes a request to addr, byte for byte as its sender has it, and returns the status of the response; 0 if there is none.
func send(ctx context.Context, addr string, r *core.Request, chunked bool) (int, http.Header) {
	d := net.Dialer{Timeout: 2 * time.Second}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return 0, nil
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	h := r.Header.(http.Header)
	var head bytes.Buffer
	fmt.Fprintf(&head, "%s %s HTTP/1.1\r\nHost: hooks.example\r\nUser-Agent: sender\r\nConnection: close\r\n", r.Method, r.URL)
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, v := range h[name] {
			fmt.Fprintf(&head, "%s: %s\r\n", name, v)
		}
	}
	body := r.Body
	if chunked {
		head.WriteString("Transfer-Encoding: chunked\r\n\r\n")
		half := len(body) / 2
		body = fmt.Appendf(nil, "%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n", half, body[:half], len(body)-half, body[half:])
	} else {
		fmt.Fprintf(&head, "Content-Length: %d\r\n\r\n", len(body))
	}
	if _, err := conn.Write(head.Bytes()); err != nil {
		return 0, nil
	}
	in := bufio.NewReader(conn)
	if h.Get("Expect") != "" { // as senders do: they wait a moment
		_ = conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		if line, err := in.Peek(12); err == nil && string(line) == "HTTP/1.1 100" {
			for {
				line, err := in.ReadString('\n')
				if err != nil || line == "\r\n" {
					break
				}
			}
		}
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	}
	go func() { _, _ = conn.Write(body) }()
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		return 0, nil
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return resp.StatusCode, resp.Header
}
