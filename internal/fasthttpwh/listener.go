package fasthttpwh

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// Listener prepares server, and wraps ln for it: see fiberwh.Listener. name is
// the name of the package whose Listener calls it.
func Listener(name string, server *fasthttp.Server, ln net.Listener) net.Listener {
	if fmt.Sprintf("%T", ln) == "*tls.listener" {
		panic(name + ": Listener got a TLS listener: wrap Listener in TLS instead, tls.NewListener(" + name + ".Listener(app, ln), config)")
	}
	next, streamed, limit := server.Handler, server.StreamRequestBody, server.MaxRequestBodySize
	if !streamed {
		server.StreamRequestBody = true
		// With StreamRequestBody, fasthttp parses forms in advance without a limit. That also loses
		// the signed bytes.
		server.DisablePreParseMultipartForm = true
	}
	server.Handler = func(c *fasthttp.RequestCtx) {
		conn, ours := inside(c.Conn())
		if ours {
			conn.unread.Store(true)
		}
		if !streamed {
			if err := buffer(c, limit); err != nil {
				server.ErrorHandler(c, err)
				c.SetConnectionClose()
				return
			}
		}
		next(c)
		if ours && c.RequestBodyStream() == nil {
			conn.unread.Store(false)
		}
	}
	return listener{ln}
}

// trusted is the largest buffer that is allocated at once for an announced
// length.
const trusted = 16 << 10

var buffers = sync.Pool{New: func() any { return new([]byte) }} //nolint:gochecknoglobals // a pool is no state

// buffer reads the streamed body of c into memory that fasthttp reuses, as
// fasthttp does without StreamRequestBody.
func buffer(c *fasthttp.RequestCtx, limit int) error {
	if c.RequestBodyStream() == nil {
		return nil
	}
	pooled, _ := buffers.Get().(*[]byte)
	defer buffers.Put(pooled)
	var err error
	if *pooled, err = readAll(c.RequestBodyStream(), (*pooled)[:0], c.Request.Header.ContentLength(), limit); err != nil {
		return err
	}
	_ = c.Request.CloseBodyStream() // the stream has ended
	*pooled = c.Request.SwapBody(*pooled)
	return nil
}

// readAll appends a body to dst. A negative length means that the body is
// chunked.
func readAll(stream io.Reader, dst []byte, length, limit int) ([]byte, error) {
	if length > limit {
		return dst, fasthttp.ErrBodyTooLarge
	}
	for len(dst) != length { // a chunked body ends with its trailer
		if len(dst) == cap(dst) {
			size := min(max(4*cap(dst), trusted), limit+1)
			if length >= 0 {
				size = min(size, length)
			}
			dst = append(make([]byte, 0, size), dst...)
		}
		n, err := stream.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		switch {
		case len(dst) > limit:
			return dst, fasthttp.ErrBodyTooLarge
		case err == io.EOF && len(dst) < length:
			return dst, io.ErrUnexpectedEOF
		case err == io.EOF:
			return dst, nil
		case err != nil:
			return dst, err
		}
	}
	return dst, nil
}

type listener struct{ net.Listener }

// Accept implements net.Listener.
func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c}, nil
}

// conn is a connection that lingers on Close if a body is unread.
type conn struct {
	net.Conn

	unread atomic.Bool
}

// inside returns the conn that c wraps, if a listener made one.
func inside(c net.Conn) (*conn, bool) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	ours, ok := c.(*conn)
	return ours, ok
}

// ReadFrom implements io.ReaderFrom, so that files are still sent with
// sendfile.
func (c *conn) ReadFrom(r io.Reader) (int64, error) { return io.Copy(c.Conn, r) }

// grace is how long a sender may continue to send its body, so that it reads
// the response instead of a connection reset.
const grace = 600 * time.Millisecond

// Close implements net.Conn. Closing with unread bytes resets the connection,
// as do bytes that arrive afterwards, and a reset may overtake the response.
// Many senders read the response only after they have written the whole
// request. So Close reads the rest of the request.
func (c *conn) Close() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok && c.unread.Swap(false) && half.CloseWrite() == nil {
		_ = c.SetReadDeadline(time.Now().Add(grace)) //nolint:forbidigo // I/O runs on real time
		_, _ = io.Copy(io.Discard, c.Conn)
	}
	return c.Conn.Close()
}
