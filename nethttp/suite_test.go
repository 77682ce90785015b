package nethttp_test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/nethttp"
	"github.com/hookonce/hookonce/whtest"
)

func TestSuite(t *testing.T) {
	t.Parallel()
	whtest.TestAdapter(t, whtest.Adapter{Serve: serve, Hijacks: true})
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
	h = nethttp.New(m.Verifier, opts...)(h)
	if m.RecoverOutside {
		h = recoverer(h)
	}
	return listen(tb, h)
}

// listen serves h on loopback until the test ends.
func listen(tb testing.TB, h http.Handler) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := &http.Server{Handler: h, ErrorLog: quiet()}
	go func() { _ = s.Serve(l) }()
	tb.Cleanup(func() { _ = s.Close() })
	return "http://" + l.Addr().String()
}

// recoverer is the usual recover middleware.
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
		Status: w.WriteHeader,
		Write:  func(p []byte) { _, _ = w.Write(p) },
		Flush:  func() { _ = rc.Flush() },
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
