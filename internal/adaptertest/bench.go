package adaptertest

import (
	"bytes"
	"context"
	"math"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
)

// Forgetful is a store that admits everything, so that one signed message can
// be sent again and again.
type Forgetful struct{}

// Swap implements core.SeenStore.
func (Forgetful) Swap(_ context.Context, _ core.Key, _, next core.Value, _ time.Duration) (core.Value, error) {
	return next, nil
}

// Rewound is a body that can be sent again.
type Rewound struct{ bytes.Reader }

// Close implements io.Closer.
func (*Rewound) Close() error { return nil }

// Discard is a ResponseWriter without a server.
type Discard struct {
	Headers http.Header
	Status  int
}

// Header implements http.ResponseWriter.
func (d *Discard) Header() http.Header { return d.Headers }

// Write implements http.ResponseWriter.
func (d *Discard) Write(p []byte) (int, error) { return len(p), nil }

// WriteHeader implements http.ResponseWriter.
func (d *Discard) WriteHeader(status int) { d.Status = status }

// SetReadDeadline exists as in a server: without it http.ResponseController
// allocates an error.
func (*Discard) SetReadDeadline(time.Time) error { return nil }

// BenchmarkRoute measures what route returns for messages of several sizes.
func BenchmarkRoute(b *testing.B, route func(tb testing.TB, size int) func()) {
	b.Helper()
	for _, size := range []int{256, 1 << 10, 16 << 10, 1 << 20} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			send := route(b, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				send()
			}
		})
	}
}

// Allocations returns how often send allocates.
func Allocations(send func()) float64 {
	least := math.Inf(1)
	for range 3 { // the runtime's own allocations are counted too
		least = min(least, testing.AllocsPerRun(200, send))
	}
	return least
}
