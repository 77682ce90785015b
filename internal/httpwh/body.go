package httpwh

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/hookonce/hookonce/core"
)

// Body reads the body of one request for the pipeline, and records how much it
// has read. Create one with [NewBody].
type Body struct {
	w    http.ResponseWriter
	r    *http.Request
	data []byte // the bytes that were read
	err  error  // the final error of Read, or nil if we stopped before it
	end  bool   // nothing is left to read

	again replay // the body for the handler
}

// NewBody returns the body of r, whose response is w. If w is nil, only the
// server's own deadlines apply.
func NewBody(w http.ResponseWriter, r *http.Request) Body { return Body{w: w, r: r} }

// Ended reports whether nothing is left to read.
func (b *Body) Ended() bool { return b.end }

// Broken reports whether reading failed. The end of the body is not a failure.
func (b *Body) Broken() bool { return b.err != nil && !b.end }

// ReadBody implements [core.BodyReader].
//
// ReadBody sets the deadline with [http.ResponseController], so any wrapper
// with Unwrap works. Without a controller (a ResponseRecorder, a
// TimeoutHandler, Lambda) only the server's own timeouts apply. A server's
// shorter ReadTimeout still applies, but ReadBody does not rely on it: another
// middleware may have changed the deadline.
//
// After success ReadBody removes the deadline, because the deadline would
// cancel the handler's context later. After a failure the deadline stays,
// because otherwise the server would wait indefinitely for the rest of the
// body.
func (b *Body) ReadBody(limit int64, timeout time.Duration) ([]byte, error) {
	declared := b.r.ContentLength
	if declared > limit {
		return nil, tooLarge(nil)
	}
	if b.r.Body == nil || b.r.Body == http.NoBody {
		b.end = true
	} else {
		control := http.NewResponseController(b.w)
		if s, ok := b.r.Context().Value(http.ServerContextKey).(*http.Server); ok && s.ReadTimeout > 0 {
			timeout = min(timeout, s.ReadTimeout)
		}
		limited := timeout > 0 && control.SetReadDeadline(time.Now().Add(timeout)) == nil //nolint:forbidigo // a deadline of I/O is real time
		b.read(int(min(limit, math.MaxInt-1)))
		if limited && b.end {
			_ = control.SetReadDeadline(time.Time{}) // setting it worked, so clearing it does too
		}
	}
	return b.data, b.verdict(limit)
}

// verdict returns an error if the bytes that were read are not the whole body.
func (b *Body) verdict(limit int64) error {
	n, declared := int64(len(b.data)), announced(b.r)
	switch {
	case n > limit:
		return tooLarge(nil)
	case !b.end:
		return broken(b.err)
	case declared >= 0 && n != declared:
		return consumed(fmt.Sprintf("Content-Length says %d bytes, but %d were left to read", declared, n))
	case declared < 0 && n == 0 && parsed(b.r):
		return consumed("the form was already parsed, and nothing is left to read")
	}
	return nil
}

// parsed reports whether a form was read from the body. Some frameworks parse
// every request, but net/http then reads nothing from a body of another type.
func parsed(r *http.Request) bool {
	if r.MultipartForm != nil || len(r.PostForm) > 0 {
		return true
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return r.PostForm != nil && kind == "application/x-www-form-urlencoded"
}

// announced returns the length that the sender announced. It is negative if the
// sender announced none. A middleware that decompresses may set ContentLength
// to -1, as echo's does. Even then the header has the length: net/http removes
// it only for a transfer encoding.
func announced(r *http.Request) int64 {
	if r.ContentLength >= 0 || len(r.TransferEncoding) > 0 {
		return r.ContentLength
	}
	if n, err := strconv.ParseInt(r.Header.Get("Content-Length"), 10, 64); err == nil {
		return n
	}
	return -1
}

// broken returns why reading failed.
func broken(err error) error {
	var outer *http.MaxBytesError
	switch {
	case errors.As(err, &outer):
		return tooLarge(err)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &core.Error{Reason: core.ErrBodyTooSlow, Detail: "the body did not arrive in time", Err: err}
	default:
		return err // malformed: the body is incomplete
	}
}

func tooLarge(cause error) error {
	return &core.Error{Reason: core.ErrBodyTooLarge, Detail: "the body exceeds Config.MaxBody, or a limit upstream of hookonce", Err: cause}
}

func consumed(found string) error {
	return &core.Error{Reason: core.ErrBodyConsumed, Detail: found + ": something upstream of hookonce reads, decompresses or changes the body. If that is middleware, mount it " +
		"downstream of hookonce"}
}

// scratchSize bounds the memory that a sender can occupy by announcing a body
// without sending it.
const scratchSize = 4 << 10

var scratches = sync.Pool{New: func() any { return new([scratchSize]byte) }} //nolint:gochecknoglobals // a pool is no state

// read fills data, with at most one byte more than limit. A declared length is
// not trusted. If it is below scratchSize, read allocates the right buffer at
// once. A longer body, or a body of unknown length, starts in a shared buffer.
// It is moved to its own buffer when it ends, or when scratchSize bytes have
// arrived.
func (b *Body) read(limit int) {
	declared := int(b.r.ContentLength) // -1: unknown; ReadBody checked the upper bound
	if 0 <= declared && declared < scratchSize {
		b.data = b.fill(make([]byte, 0, declared+1), limit) // one more byte, to detect the end or an excess
	} else {
		scratch, _ := scratches.Get().(*[scratchSize]byte)
		b.data = b.grow(b.fill(scratch[:0], limit), declared, limit)
		scratches.Put(scratch)
	}
	for b.err == nil && len(b.data) <= limit {
		if len(b.data) == cap(b.data) {
			b.data = b.grow(b.data, declared, limit)
		}
		b.data = b.fill(b.data, limit)
	}
	b.end = b.err == io.EOF //nolint:errorlint // io.Reader returns it unwrapped
}

// grow copies data to a larger buffer if more bytes may follow.
func (b *Body) grow(data []byte, declared, limit int) []byte {
	size := len(data)
	if b.err == nil && size <= limit {
		size = min(4*size, limit+1)
		if declared >= 0 {
			size = min(size, max(declared+1, len(data)+1)) // a declared length may reduce the buffer, but never enlarge it
		}
	}
	return append(make([]byte, 0, size), data...)
}

// fill reads until buf is full, has more than limit bytes, or reading ends.
func (b *Body) fill(buf []byte, limit int) []byte {
	for b.err == nil && len(buf) < cap(buf) && len(buf) <= limit {
		var n int
		n, b.err = b.r.Body.Read(buf[len(buf):min(cap(buf), limit+1)])
		buf = buf[:len(buf)+n]
	}
	return buf
}

// Restore gives r2 the body again, for all ways in which net/http reads a body.
func (b *Body) Restore(r2 *http.Request) {
	if !b.end {
		b.resume(r2)
		return
	}
	r2.ContentLength = int64(len(b.data))
	r2.TransferEncoding = nil
	if len(b.data) == 0 {
		r2.Body = http.NoBody
		return
	}
	r2.Body = b.again.of(b.data)
	r2.GetBody = func() (io.ReadCloser, error) { return new(replay).of(b.data), nil }
}

// formLimit is the limit of Request.ParseForm for a body without its own limit.
const formLimit = 10 << 20

// replay is a body that was read before.
type replay struct{ bytes.Reader }

func (r *replay) of(data []byte) io.ReadCloser {
	r.Reset(data)
	if len(data) > formLimit {
		return http.MaxBytesReader(nil, r, int64(len(data)))
	}
	return r
}

// Close implements io.Closer.
func (*replay) Close() error { return nil }

// resume is for a handler that runs despite a refusal, in report-only mode. It
// lets the handler read the bytes that were already read, and then the rest.
func (b *Body) resume(r2 *http.Request) {
	if len(b.data) == 0 && b.err == nil {
		return // nothing was read
	}
	r2.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(b.data), b.r.Body), b.r.Body}
}
