package nethttp_test

import (
	"bytes"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/adaptertest"
	"github.com/hookonce/hookonce/nethttp"
	"github.com/hookonce/hookonce/stores/memstore"
)

// attempts returns a function that sends a new message of 1 KiB through the whole middleware.
func attempts(tb testing.TB, n int) func() {
	tb.Helper()
	secret := core.GenerateSecret()
	signer, err := core.NewSigner(secret)
	if err != nil {
		tb.Fatal(err)
	}
	v := core.Must(core.New(core.Secrets(secret), memstore.New(), nil))
	h := nethttp.New(v)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))

	body := bytes.Repeat([]byte("a"), 1<<10)
	headers := make([]http.Header, n)
	for i := range headers {
		headers[i] = make(http.Header)
		if err := signer.Sign(headers[i], core.NewID(), time.Now(), body); err != nil {
			tb.Fatal(err)
		}
	}
	reader := bytes.NewReader(body)
	r, err := http.NewRequestWithContext(tb.Context(), http.MethodPost, "/hook", nil)
	if err != nil {
		tb.Fatal(err)
	}
	r.RequestURI, r.ContentLength, r.Body = "/hook", int64(len(body)), io.NopCloser(reader)
	w := &adaptertest.Discard{Headers: make(http.Header)}
	i := 0
	return func() {
		r.Header = headers[i]
		i++
		reader.Reset(body)
		h.ServeHTTP(w, r)
		if w.Status != http.StatusOK {
			tb.Fatalf("answered %d", w.Status)
		}
	}
}

func BenchmarkMiddleware(b *testing.B) {
	one := attempts(b, b.N)
	b.ReportAllocs()
	b.SetBytes(1 << 10)
	b.ResetTimer()
	for range b.N {
		one()
	}
}
