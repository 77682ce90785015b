package fiberv3wh_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/valyala/fasthttp"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/fiberv3wh"
	"github.com/hookonce/hookonce/internal/adaptertest"
	"github.com/hookonce/hookonce/internal/adaptertest/fibertest"
)

// route returns a function that sends one message of size bytes through New and an empty handler,
// without a network.
func route(tb testing.TB, size int) func() {
	tb.Helper()
	v := core.Must(core.New(core.Secrets(adaptertest.Secret), adaptertest.Forgetful{}, nil))
	signer, err := core.NewSigner(adaptertest.Secret)
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

func BenchmarkRoute(b *testing.B) { adaptertest.BenchmarkRoute(b, route) }

func TestAllocations(t *testing.T) { fibertest.TestAllocations(t, route) }
