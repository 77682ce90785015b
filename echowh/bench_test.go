package echowh_test

import (
	"bytes"
	"net/http"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/echowh"
	"github.com/hookonce/hookonce/internal/adaptertest"
	"github.com/hookonce/hookonce/internal/testmode"
	"github.com/hookonce/hookonce/whtest"
)

// route returns a function that sends one message of size bytes to an empty handler, with or
// without New, without a network.
func route(tb testing.TB, size int, protected bool) func() {
	tb.Helper()
	v := core.Must(core.New(core.Secrets(adaptertest.Secret), adaptertest.Forgetful{}, nil))
	signer, err := core.NewSigner(adaptertest.Secret)
	if err != nil {
		tb.Fatal(err)
	}
	payload := bytes.Repeat([]byte("x"), size)
	req := whtest.NewRequest(tb, signer, "/hook", payload)
	body := new(adaptertest.Rewound)
	var use []echo.MiddlewareFunc
	if protected {
		use = append(use, echowh.New(v))
	}
	app := mount(func(c echo.Context) error { return c.NoContent(http.StatusOK) }, use...)
	w := &adaptertest.Discard{Headers: make(http.Header)}
	return func() {
		body.Reset(payload)
		req.Body = body
		clear(w.Headers)
		app.ServeHTTP(w, req)
		if w.Status != http.StatusOK {
			tb.Fatal(w.Status)
		}
	}
}

func BenchmarkRoute(b *testing.B) {
	adaptertest.BenchmarkRoute(b, func(tb testing.TB, size int) func() { return route(tb, size, true) })
}

// TestAllocations keeps the cost known, compared with the same route without the middleware. Core
// has 1 of them (the delivery), the shared exchange 4 (itself, the body, the request's copy,
// GetBody), and 3 are echo's: its map of values, and a route's middleware, wrapped again for each
// request.
func TestAllocations(t *testing.T) {
	testmode.Count(t)
	const budget = 8
	with, without := adaptertest.Allocations(route(t, 1<<10, true)), adaptertest.Allocations(route(t, 1<<10, false))
	if got := with - without; got > budget {
		t.Errorf("%v allocations for a message of 1 KiB, want at most %d", got, budget)
	}
}
