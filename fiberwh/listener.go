package fiberwh

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// Listener prepares app, and returns ln for it, so that strangers hold little
// memory and senders read why they were refused:
//
//	log.Fatal(app.Listener(fiberwh.Listener(app, ln)))
//
// A body takes the memory that has arrived. fiber alone makes room for the
// announced length, of BodyLimit at most, before the first byte. Nothing else
// changes for the routes of app: their bodies are read before the handlers run,
// within BodyLimit and ReadTimeout, and the ErrorHandler answers what exceeds
// them. Multipart forms are parsed when a handler asks for them, out of memory.
// An app that sets StreamRequestBody reads its bodies itself, as before.
//
// A connection with unread bytes is closed after what the sender still sends
// within 600 ms. fiber alone closes at once, and the reset can overtake the
// response.
//
// Call it once, before app serves. For TLS wrap what it returns in
// [tls.NewListener]. It panics if ln is a TLS listener itself.
func Listener(app *fiber.App, ln net.Listener) net.Listener {
	if fmt.Sprintf("%T", ln) == "*tls.listener" {
		panic("fiberwh: Listener was given a TLS listener: call it inside, tls.NewListener(fiberwh.Listener(app, ln), config)")
	}
	config, server := app.Config(), app.Server()
	next := server.Handler
	if !config.StreamRequestBody {
		server.StreamRequestBody = true
		// Parsing it first would be without a limit under StreamRequestBody, and loses the signed bytes.
		server.DisablePreParseMultipartForm = true
	}
	server.Handler = func(c *fasthttp.RequestCtx) {
		if !config.StreamRequestBody {
			if err := buffer(c, config.BodyLimit); err != nil {
				server.ErrorHandler(c, err)
				c.SetConnectionClose()
				return
			}
		}
		next(c)
		if conn, ok := inside(c.Conn()); ok && c.RequestBodyStream() == nil {
			conn.whole.Store(true)
		}
	}
	return listener{ln}
}

// bodyKey is the user value with the first byte of the body that buffer made.
type bodyKey struct{}

// trusted is how much room an announced length is given.
const trusted = 16 << 10

// buffer reads the streamed body of c into memory of its own, as fasthttp would without StreamRequestBody.
func buffer(c *fasthttp.RequestCtx, limit int) error {
	stream, length := c.RequestBodyStream(), c.Request.Header.ContentLength() // negative: chunked
	if stream == nil {
		return nil
	}
	if length > limit {
		return fasthttp.ErrBodyTooLarge
	}
	size := length
	if length < 0 || length > trusted {
		size = trusted
	}
	body := make([]byte, 0, size)
	for len(body) != length { // a chunked one ends with its trailer
		if len(body) == cap(body) {
			size = min(4*cap(body), limit+1)
			if length >= 0 {
				size = min(size, length)
			}
			body = append(make([]byte, 0, size), body...)
		}
		n, err := stream.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case len(body) > limit:
			return fasthttp.ErrBodyTooLarge
		case err == io.EOF && len(body) < length: //nolint:errorlint // fasthttp's stream returns it bare
			return io.ErrUnexpectedEOF
		case err == io.EOF: //nolint:errorlint // see above
			length = len(body)
		case err != nil:
			return err
		}
	}
	c.Request.SetBodyRaw(body)
	if len(body) > 0 {
		c.SetUserValue(bodyKey{}, &body[0])
	}
	return nil
}

// isOurs reports whether buffer made body, which nobody uses again then.
func isOurs(c *fasthttp.RequestCtx, body []byte) bool {
	first, ok := c.UserValue(bodyKey{}).(*byte)
	return ok && len(body) > 0 && first == &body[0]
}

type listener struct{ net.Listener }

// Accept implements net.Listener.
func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	accepted := &conn{Conn: c}
	accepted.whole.Store(true)
	return accepted, nil
}

// conn lingers on Close where bytes may be unread.
type conn struct {
	net.Conn

	whole atomic.Bool // the last request was read to its end, and no other has begun
}

// inside is the connection below c that a listener made.
func inside(c net.Conn) (*conn, bool) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	ours, ok := c.(*conn)
	return ours, ok
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.whole.Store(false)
	}
	return n, err
}

// ReadFrom implements io.ReaderFrom, so that files still go out by sendfile.
func (c *conn) ReadFrom(r io.Reader) (int64, error) { return io.Copy(c.Conn, r) }

// grace is how long a sender in the middle of its body may go on, so that it reads the answer instead of a reset connection.
const grace = 600 * time.Millisecond

// Close implements net.Conn. Closing over unread bytes, and bytes that arrive afterwards, reset the connection, and a reset may overtake the answer.
func (c *conn) Close() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok && !c.whole.Swap(true) && half.CloseWrite() == nil {
		_ = c.SetReadDeadline(time.Now().Add(grace)) //nolint:forbidigo // I/O runs on real time
		_, _ = io.Copy(io.Discard, c.Conn)
	}
	return c.Conn.Close()
}
