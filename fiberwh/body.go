package fiberwh

import (
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/hookonce/hookonce/core"
)

// body is the [core.BodyReader] of one request.
type body struct {
	c *fiber.Ctx
	m *middleware
}

// ReadBody copies the bytes of the wire. Never c.Body(): that decompresses without a limit, and gives the text of an
// error as a body.
func (b *body) ReadBody(limit int64, timeout time.Duration) ([]byte, error) {
	app, req := b.m.of(b.c.App()), b.c.Request()
	if app.prefork && b.m.v.Forgets() {
		return nil, &core.Error{Reason: core.ErrMisconfigured, Detail: "fiber.Config.Prefork with a seen-id store in memory: each child process " +
			"has its own, so every message would be handled once in each; use a shared store, or no Prefork"}
	}
	length := int64(req.Header.ContentLength()) // negative: chunked or none
	if length > limit {
		return nil, tooLarge()
	}
	if stream := b.c.Context().RequestBodyStream(); stream != nil {
		if timeout == 0 {
			limit = math.MaxInt64 - 1 // report-only: what is taken off the stream must all be there for the handler
		}
		if app.readTimeout > 0 && app.readTimeout <= timeout {
			timeout = 0 // fasthttp set an earlier deadline
		}
		got, err := b.readStream(stream, limit, length, timeout)
		if err == nil {
			req.SetBodyRaw(got)
		}
		return got, err
	}
	got := req.Body()
	switch {
	case len(req.Header.MultipartFormBoundary()) > 0 && len(got) > 0 && &got[0] != &req.Body()[0]:
		// The bytes are gone: Body writes the parsed form out again at each call, in any order and without part headers.
		return nil, &core.Error{Reason: core.ErrBodyConsumed, Detail: "fiber parsed the multipart form before any middleware ran, " +
			"and the signed bytes are gone: set fiber.Config.DisablePreParseMultipartForm"}
	case int64(len(got)) > limit:
		return nil, tooLarge()
	case length >= 0 && int64(len(got)) != length:
		return nil, consumed()
	}
	return bytes.Clone(got), nil
}

// readStream reads what StreamRequestBody left on the connection, where fasthttp enforces no limit and turns errors
// into the text of a body.
func (b *body) readStream(stream io.Reader, limit, length int64, timeout time.Duration) ([]byte, error) {
	conn := b.c.Context().Conn()
	if timeout > 0 {
		_ = conn.SetReadDeadline(time.Now().Add(timeout)) //nolint:forbidigo // I/O runs on real time, not on the configured clock
	}
	var buf bytes.Buffer
	buf.Grow(int(min(max(length, 0), 32<<10)) + bytes.MinRead) // more is held when more has come
	_, err := buf.ReadFrom(io.LimitReader(stream, limit+1))
	got := int64(buf.Len())
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &core.Error{Reason: core.ErrBodyTooSlow, Detail: "the streamed body did not arrive in time; see Config.BodyTimeout", Err: err}
	case err != nil:
		return nil, err
	case got > limit:
		return nil, tooLarge()
	case got == 0 && length > 0:
		return nil, consumed()
	case got < length:
		return nil, io.ErrUnexpectedEOF
	}
	if timeout > 0 {
		_ = conn.SetReadDeadline(time.Time{})
	}
	return buf.Bytes(), nil
}

func tooLarge() error {
	return &core.Error{Reason: core.ErrBodyTooLarge, Detail: "the body exceeds Config.MaxBody"}
}

func consumed() error {
	return &core.Error{Reason: core.ErrBodyConsumed, Detail: "the body does not have the length that the sender announced: " +
		"a middleware in front of fiberwh.New read or replaced it; put fiberwh.New before it"}
}
