package whtest

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
)

// Option changes the request that [NewRequest] returns.
type Option func(*options)

type options struct {
	id     string
	at     time.Time
	header http.Header
}

// ID sets the message id. The default is a new id for each request. Two
// requests with one id and different times are two attempts of one message.
func ID(id string) Option { return func(o *options) { o.id = id } }

// At sets the time of the attempt, which is signed in whole seconds. The
// default is the current time.
func At(t time.Time) Option { return func(o *options) { o.at = t } }

// Header sets one more header, after the signed headers. It can replace a
// signed header, to make a request that must be refused.
func Header(name, value string) Option {
	return func(o *options) { o.header.Set(name, value) }
}

// NewRequest returns a POST request with the given body, signed by s. Its
// Content-Type is application/json unless [Header] sets another. NewRequest
// copies body. It ends the test if the message cannot be signed.
//
// If target is a path ("/hook"), the result is a server request like one from
// [httptest.NewRequest], for ServeHTTP or fiber's app.Test. If target is
// absolute ("http://127.0.0.1:8080/hook"), the result is also a client request
// for [http.Client.Do]: RequestURI is empty.
func NewRequest[B ~[]byte | ~string](tb testing.TB, s *core.Signer, target string, body B, opts ...Option) *http.Request {
	tb.Helper()
	o := options{id: core.NewID(), at: time.Now(), header: http.Header{}} //nolint:forbidigo // a real sender's clock, unless At says otherwise
	for _, opt := range opts {
		opt(&o)
	}
	raw := append([]byte(nil), body...)
	r := httptest.NewRequestWithContext(tb.Context(), http.MethodPost, target, bytes.NewReader(raw))
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil }
	if u, err := url.Parse(target); err == nil && u.IsAbs() {
		r.RequestURI = ""
	}
	if len(raw) == 0 {
		r.Body = http.NoBody // a client treats any other empty body as one of unknown length
	}
	r.Header.Set("Content-Type", "application/json")
	if err := s.Sign(r.Header, o.id, o.at, raw); err != nil {
		tb.Fatalf("whtest.NewRequest: %v", err)
	}
	maps.Copy(r.Header, o.header)
	return r
}
