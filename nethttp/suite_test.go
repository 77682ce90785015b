package nethttp_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/adaptertest"
	"github.com/hookonce/hookonce/nethttp"
	"github.com/hookonce/hookonce/whtest"
)

func TestSuite(t *testing.T) {
	t.Parallel()
	whtest.TestAdapter(t, whtest.Adapter{Serve: serve, Hijacks: true, EarlyHints: true, TemporaryFiles: true, Dispatches: true})
}

// serve mounts the adapter for the suite.
func serve(tb testing.TB, m whtest.AdapterMount) string {
	tb.Helper()
	var opts []nethttp.Option
	if m.Deny {
		opts = append(opts, nethttp.Deny(func(w http.ResponseWriter, _ *http.Request, err *core.Error) {
			http.Error(w, "denied: "+string(err.Reason), http.StatusTeapot)
		}))
	}
	var h http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = m.Handler(call(w, r)) // handlers of net/http return nothing
	})
	if m.RecoverInside {
		h = recoverer(h)
	}
	if m.Twice {
		h = nethttp.New(m.Verifier)(h)
	}
	wh := nethttp.New(m.Verifier, opts...)
	if m.DispatchAgain {
		mux := http.NewServeMux()
		mux.Handle("/again", wh(h))
		mux.Handle("/", wh(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.URL.Path = "/again"
			mux.ServeHTTP(w, r)
		})))
		h = mux
	} else {
		h = wh(h)
	}
	if m.RecoverOutside {
		h = recoverer(h)
	}
	if m.Timeout > 0 {
		h = timeout(m.Timeout, h)
	}
	if m.BodyLimit > 0 {
		h = http.MaxBytesHandler(h, m.BodyLimit)
	}
	if m.Log != nil {
		h = logger(m.Log, h)
	}
	return adaptertest.Serve(tb, h)
}

// timeout is a typical router middleware: it responds if the request's context ended and nothing
// was written.
func timeout(d time.Duration, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), d)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			w.WriteHeader(http.StatusGatewayTimeout)
		}
	})
}

// logger is a typical one: it wraps the writer.
func logger(log func(status int), next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen := &statusWriter{ResponseWriter: w}
		next.ServeHTTP(seen, r)
		log(cmp.Or(seen.status, http.StatusOK))
	})
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = cmp.Or(w.status, status)
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// recoverer is a typical recover middleware.
func recoverer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch v := recover(); v {
			case nil:
			case http.ErrAbortHandler:
				panic(v)
			default:
				w.WriteHeader(http.StatusInternalServerError)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

func call(w http.ResponseWriter, r *http.Request) *whtest.AdapterCall {
	rc := http.NewResponseController(w)
	return &whtest.AdapterCall{
		Context: r.Context(), Message: nethttp.Message(r),
		Bodies: map[string]func() ([]byte, error){
			"io.ReadAll": func() ([]byte, error) { return io.ReadAll(r.Body) },
			"io.Copy": func() ([]byte, error) {
				var b bytes.Buffer
				_, err := io.Copy(&b, r.Body)
				return b.Bytes(), err
			},
			"GetBody": func() ([]byte, error) {
				if r.GetBody == nil {
					return nil, nil // an empty body has none
				}
				body, err := r.GetBody()
				if err != nil {
					return nil, err
				}
				return io.ReadAll(body)
			},
			"MaxBytesReader": func() ([]byte, error) { return io.ReadAll(http.MaxBytesReader(w, r.Body, 8<<20)) },
		},
		Status:     w.WriteHeader,
		Write:      func(p []byte) { _, _ = w.Write(p) },
		Flush:      func() { _ = rc.Flush() },
		EarlyHints: func() { w.WriteHeader(http.StatusEarlyHints) },
		Form: func() (*multipart.Form, error) {
			err := r.ParseMultipartForm(1)
			return r.MultipartForm, err
		},
		Hijack: func() error {
			conn, buf, err := rc.Hijack()
			if err != nil {
				return err
			}
			_, _ = buf.WriteString("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			_ = buf.Flush()
			return conn.Close()
		},
	}
}
