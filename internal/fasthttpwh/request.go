package fasthttpwh

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"os"
	"reflect"
	"strings"
	"time"
	"unsafe"

	"github.com/valyala/fasthttp"

	"github.com/hookonce/hookonce/core"
)

// request is one request for core, with its [core.Header] and its
// [core.BodyReader]. fasthttp reuses the memory of a request for the next
// request on the connection, but store keys, messages and events live longer.
// So request copies every text that core reads, and serves only one request.
type request struct {
	core.Request

	c   *fasthttp.RequestCtx
	v   *core.Verifier
	app App

	text   []byte // append-only, as in strings.Builder
	values []string

	// Initial memory for the slices above, enough for most requests.
	textRoom  [160]byte
	valueRoom [5]string
}

// App is the framework's application that serves the request.
type App interface {
	// ReadTimeout returns the read timeout of the server, or zero if there is
	// none.
	ReadTimeout() time.Duration
	// Prefork returns the name of the setting with which several processes
	// serve the application, each with its own memory. It returns "" if there
	// is only one process.
	Prefork() string
}

// Admit runs the request of c through the pipeline of v. ctx is the context of
// the framework's handlers.
func Admit(ctx context.Context, v *core.Verifier, c *fasthttp.RequestCtx, app App) *core.Delivery {
	r := newRequest(c, v, app)
	defer r.forget()
	return v.Admit(ctx, &r.Request, r)
}

func newRequest(c *fasthttp.RequestCtx, v *core.Verifier, app App) *request {
	r := &request{c: c, v: v, app: app}
	r.text, r.values = r.textRoom[:0], r.valueRoom[:0]
	h := &c.Request.Header
	r.Method, r.URL, r.Host, r.Header = r.keep(h.Method()), r.keep(h.RequestURI()), r.keep(h.Host()), r
	return r
}

// forget drops the references to the request, because any text of r that is
// kept keeps all of r in memory.
func (r *request) forget() { r.c, r.app, r.Body = nil, nil, nil }

func (r *request) keep(b []byte) string {
	from := len(r.text)
	r.text = append(r.text, b...)
	return unsafeString(r.text[from:]) // these bytes are never written again
}

// Values implements [core.Header]. As in net/http, Host is not among the
// headers.
func (r *request) Values(name string) []string {
	if strings.EqualFold(name, fasthttp.HeaderHost) {
		return nil
	}
	from := len(r.values)
	r.c.Request.Header.VisitAll(func(key, value []byte) {
		if len(key) == len(name) && strings.EqualFold(unsafeString(key), name) {
			r.values = append(r.values, r.keep(value))
		}
	})
	return r.values[from:len(r.values):len(r.values)]
}

// Get implements [core.Header].
func (r *request) Get(name string) string {
	if values := r.Values(name); len(values) > 0 {
		return values[0]
	}
	return ""
}

// Clone implements [core.Header].
func (r *request) Clone() http.Header {
	all := make(http.Header)
	r.c.Request.Header.VisitAll(func(key, value []byte) { all.Add(string(key), string(value)) })
	all.Del(fasthttp.HeaderHost)
	return all
}

// ReadBody copies the raw bytes. It never calls c.Body(), which decompresses
// without a limit and returns an error text as if it were the body.
func (r *request) ReadBody(limit int64, timeout time.Duration) ([]byte, error) {
	if r.v.Forgets() {
		if prefork := r.app.Prefork(); prefork != "" {
			return nil, &core.Error{Reason: core.ErrMisconfigured, Detail: prefork + " is on, but the seen-id store is in memory: each child process has its own store, so " +
				"a message could be handled once in each process. Use a shared store, or turn off Prefork"}
		}
	}
	req := &r.c.Request
	length := req.Header.ContentLength() // negative: chunked or none
	if int64(length) > limit {
		return nil, tooLarge()
	}
	if stream := r.c.RequestBodyStream(); stream != nil {
		return r.readStream(stream, length, limit, timeout)
	}
	got := req.Body()
	switch {
	case len(req.Header.MultipartFormBoundary()) > 0 && len(got) > 0 && &got[0] != &req.Body()[0]:
		// The original bytes are lost: Body encodes the parsed form again on each call, in random
		// order and without part headers.
		return nil, &core.Error{Reason: core.ErrBodyConsumed, Detail: "fiber parsed the multipart form before any middleware ran, so the signed bytes " +
			"are lost: set fiber.Config.DisablePreParseMultipartForm"}
	case int64(len(got)) > limit:
		return nil, tooLarge()
	case length >= 0 && len(got) != length:
		return nil, consumed()
	}
	return bytes.Clone(got), nil
}

// readStream reads the body that StreamRequestBody left on the connection. For
// such a body fasthttp enforces no limit, and returns error texts as if they
// were the body.
func (r *request) readStream(stream io.Reader, length int, limit int64, timeout time.Duration) ([]byte, error) {
	conn, server := r.c.Conn(), r.app.ReadTimeout()
	limited := timeout > 0 && (server <= 0 || timeout < server) // otherwise fasthttp set an earlier deadline
	if limited {
		_ = conn.SetReadDeadline(time.Now().Add(timeout)) //nolint:forbidigo // I/O runs on real time, not on the configured clock
	}
	got, err := readAll(stream, nil, length, int(min(limit, math.MaxInt-1)))
	if reportOnly := timeout == 0; reportOnly && err != nil && len(got) > 0 {
		rest := detached(stream)
		r.c.Request.SetBodyStream(io.MultiReader(bytes.NewReader(got), rest), length) // the handler runs, and needs what we read
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &core.Error{Reason: core.ErrBodyTooSlow, Detail: "the streamed body did not arrive in time; see Config.BodyTimeout", Err: err}
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		return nil, tooLarge()
	case len(got) == 0 && errors.Is(err, io.ErrUnexpectedEOF):
		return nil, consumed()
	case err != nil:
		return nil, err
	}
	if limited {
		_ = conn.SetReadDeadline(time.Time{})
	}
	r.c.Request.SetBodyRaw(got) // handlers expect it there
	return got, nil
}

// releases reports whether SetBodyStream clears the stream that it replaces. If
// it does, fasthttp uses the stream's memory for other requests. Newer versions
// of fasthttp keep the stream, and the server drains it after the handler has
// ended.
//
//nolint:gochecknoglobals // a property of the fasthttp that is linked; determined before any server runs
var releases = func() bool {
	var req fasthttp.Request
	req.Header.SetContentLength(2)
	if req.ContinueReadBodyStream(bufio.NewReader(strings.NewReader("{}")), 0) != nil {
		return false
	}
	stream := reflect.ValueOf(req.BodyStream())
	req.SetBodyStream(strings.NewReader(""), 0)
	return stream.Kind() == reflect.Pointer && stream.Elem().IsZero()
}()

// detached returns a reader that continues stream and outlives SetBodyStream.
// If SetBodyStream releases the stream, detached copies it.
func detached(stream io.Reader) io.Reader {
	own := reflect.ValueOf(stream)
	if !releases || own.Kind() != reflect.Pointer || own.Type().Elem().PkgPath() != reflect.TypeFor[fasthttp.Request]().PkgPath() {
		return stream // fasthttp keeps it, or it is of a middleware
	}
	again := reflect.New(own.Type().Elem())
	again.Elem().Set(own.Elem())
	copied, _ := reflect.TypeAssert[io.Reader](again) // it has the type of stream
	return copied
}

// unsafeString returns b as a string without copying. The caller never writes b
// again, or uses the string only briefly.
func unsafeString(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b)) //nolint:gosec // see above
}

func tooLarge() error {
	return &core.Error{Reason: core.ErrBodyTooLarge, Detail: "the body exceeds Config.MaxBody"}
}

func consumed() error {
	return &core.Error{Reason: core.ErrBodyConsumed, Detail: "the body does not have the length that the sender announced: middleware upstream of " +
		"hookonce reads or replaces it, or the connection ended early. Mount such middleware downstream of hookonce"}
}
