package echov5wh_test

import (
	"bytes"
	"context"
	"math"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/labstack/echo/v5"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/echov5wh"
	"github.com/hookonce/hookonce/internal/testmode"
	"github.com/hookonce/hookonce/whtest"
)

// forgetful admits everything, so that one signed message can be sent again and again.
type forgetful struct{}

func (forgetful) Swap(_ context.Context, _ core.Key, _, next core.Value, _ time.Duration) (core.Value, error) {
	return next, nil
}

// rewound is a body that can be sent again.
type rewound struct{ bytes.Reader }

func (*rewound) Close() error { return nil }

// discard is a ResponseWriter without a server.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(status int)      { d.status = status }

func (*discard) SetReadDeadline(time.Time) error { return nil }

// route returns a function that sends one message of size bytes to an empty handler, with or
// without New, without a network.
func route(tb testing.TB, size int, protected bool) func() {
	tb.Helper()
	v := core.Must(core.New(core.Secrets(secret), forgetful{}, nil))
	signer, err := core.NewSigner(secret)
	if err != nil {
		tb.Fatal(err)
	}
	payload := bytes.Repeat([]byte("x"), size)
	req := whtest.NewRequest(tb, signer, "/hook", payload)
	body := new(rewound)
	var use []echo.MiddlewareFunc
	if protected {
		use = append(use, echov5wh.New(v))
	}
	app := mount(func(c *echo.Context) error { return c.NoContent(http.StatusOK) }, use...)
	w := &discard{header: make(http.Header)}
	return func() {
		body.Reset(payload)
		req.Body = body
		clear(w.header)
		app.ServeHTTP(w, req)
		if w.status != http.StatusOK {
			tb.Fatal(w.status)
		}
	}
}

func BenchmarkRoute(b *testing.B) {
	for _, size := range []int{256, 1 << 10, 16 << 10, 1 << 20} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			send := route(b, size, true)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				send()
			}
		})
	}
}

// TestAllocations keeps the cost known, compared with the same route without the middleware. Core
// has 1 of them (the delivery), the shared exchange 4 (itself, the body, the
// request's copy, GetBody). echo keeps its map of values and wraps middlewares once.
func TestAllocations(t *testing.T) {
	testmode.Count(t)
	const budget = 5
	measure := func(protected bool) float64 {
		least, send := math.Inf(1), route(t, 1<<10, protected)
		for range 3 { // the runtime's own allocations are counted too
			least = min(least, testing.AllocsPerRun(200, send))
		}
		return least
	}
	if got := measure(true) - measure(false); got > budget {
		t.Errorf("%v allocations for a message of 1 KiB, want at most %d", got, budget)
	}
}
