package fiberv3wh_test

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/valyala/fasthttp"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/fiberv3wh"
	"github.com/hookonce/hookonce/internal/testmode"
)

// forgetful admits everything, so that one signed message can be sent again and again.
type forgetful struct{}

func (forgetful) Swap(_ context.Context, _ core.Key, _, next core.Value, _ time.Duration) (core.Value, error) {
	return next, nil
}

// route returns a function that sends one message of size bytes through New and an empty handler,
// without a network.
func route(tb testing.TB, size int) func() {
	tb.Helper()
	v := core.Must(core.New(core.Secrets(secret), forgetful{}, nil))
	signer, err := core.NewSigner(secret)
	if err != nil {
		tb.Fatal(err)
	}
	body := []byte(strings.Repeat("x", size))
	h := http.Header{"Content-Type": {"application/json"}, "User-Agent": {"bench"}, "Accept": {"*/*"}}
	if err := signer.Sign(h, "msg_1", time.Now(), body); err != nil {
		tb.Fatal(err)
	}
	app := fiber.New()
	app.Post("/hook", fiberv3wh.New(v), func(fiber.Ctx) error { return nil })
	handler := app.Handler()

	ctx := new(fasthttp.RequestCtx)
	ctx.Request.Header.SetMethod(http.MethodPost)
	ctx.Request.SetRequestURI("/hook")
	ctx.Request.SetHost("a")
	for key, values := range h {
		ctx.Request.Header.Set(key, values[0])
	}
	ctx.Request.SetBody(body)
	ctx.Request.Header.SetContentLength(size)
	return func() {
		handler(ctx)
		if ctx.Response.StatusCode() != http.StatusOK {
			tb.Fatal(ctx.Response.StatusCode())
		}
	}
}

func BenchmarkRoute(b *testing.B) {
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

// TestAllocations keeps the cost known: the delivery is core's, the copies of the headers and of
// the body are ours.
func TestAllocations(t *testing.T) {
	testmode.Count(t)
	const budget = 3
	got, send := math.Inf(1), route(t, 1<<10)
	for range 3 { // the runtime's own allocations are counted too
		got = min(got, testing.AllocsPerRun(200, send))
	}
	if got > budget {
		t.Errorf("%v allocations for a message of 1 KiB, want at most %d", got, budget)
	}
}
