package fiberwh_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/adaptertest"
	"github.com/hookonce/hookonce/nethttp"
)

// logged is another upstream net/http middleware.
func logged(mw func(http.Handler) http.Handler) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		inner := mw(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { inner.ServeHTTP(w, r) })
	}
}

// adaptor.HTTPMiddleware runs the handlers of fiber after the net/http middleware has returned.
func TestNetHTTPRefusesToStandAroundHandlersOfFiber(t *testing.T) {
	t.Parallel()
	for name, wrap := range map[string]func(func(http.Handler) http.Handler) func(http.Handler) http.Handler{
		"alone":      func(mw func(http.Handler) http.Handler) func(http.Handler) http.Handler { return mw },
		"in a chain": logged,
	} {
		for _, handler := range []fiber.Handler{
			func(*fiber.Ctx) error { return fiber.ErrTeapot },
			func(c *fiber.Ctx) error { return c.SendStatus(http.StatusNoContent) },
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				k := adaptertest.NewKit(t, core.Config{})
				runs := 0
				app := fiber.New()
				app.Post("/hook", adaptor.HTTPMiddleware(wrap(nethttp.New(k.Verifier))), func(c *fiber.Ctx) error {
					runs++
					return handler(c)
				})
				if r := adaptertest.Do(t, k.Request(t, serve(t, app), "msg_1", 0, adaptertest.Event)); r.Status != http.StatusInternalServerError || runs != 0 {
					t.Errorf("got %d, the handler ran %d times", r.Status, runs)
				}
				if err := k.Last().Err; !errors.Is(err, core.ErrMisconfigured) || !strings.Contains(err.Error(), " fiberwh.New") {
					t.Errorf("observed %v", err)
				}
			})
		}
	}
}

func TestNetHTTPMayStandWhereItSeesTheResponse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		status  int
		want    core.Reason
	}{
		{"in adaptor.HTTPHandler, and it fails", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }, 418, core.ErrHandlerFailed},
		{"in adaptor.HTTPHandler, and nothing is written", func(http.ResponseWriter, *http.Request) {}, 200, core.Handled},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k := adaptertest.NewKit(t, core.Config{})
			app := fiber.New()
			app.Post("/hook", adaptor.HTTPHandler(nethttp.New(k.Verifier)(c.handler)))
			if r := adaptertest.Do(t, k.Request(t, serve(t, app), "msg_1", 0, adaptertest.Event)); r.Status != c.status || k.Last().Reason != c.want {
				t.Errorf("got %d, observed %s (%v)", r.Status, k.Last().Reason, k.Last().Err)
			}
		})
	}
}
