package fiberwh_test

import (
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/fiberwh"
)

func TestARequestThatPassesTwiceIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	for how, build := range map[string]func(wh, handler fiber.Handler) *fiber.App{
		"on a group and on a route of it": func(wh, handler fiber.Handler) *fiber.App {
			app := fiber.New()
			app.Group("/", wh).Post("/hook", wh, handler)
			return app
		},
		"on an app and on one mounted in it": func(wh, handler fiber.Handler) *fiber.App {
			inner := fiber.New()
			inner.Post("/", wh, handler)
			app := fiber.New()
			app.Use(wh)
			app.Mount("/hook", inner)
			return app
		},
		"dispatched again by RestartRouting": func(wh, handler fiber.Handler) *fiber.App {
			app := fiber.New()
			app.Post("/inner", wh, handler)
			app.Post("/hook", wh, func(c *fiber.Ctx) error {
				c.Path("/inner")
				return c.RestartRouting()
			})
			return app
		},
		"dispatched again by the app's own handler": func(wh, handler fiber.Handler) *fiber.App {
			app := fiber.New()
			app.Post("/inner", wh, handler)
			app.Post("/hook", wh, func(c *fiber.Ctx) error {
				c.Request().SetRequestURI("/inner")
				app.Handler()(c.Context())
				return nil
			})
			return app
		},
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			k := newKit(t, core.Config{})
			var runs atomic.Int32
			url := serve(t, build(fiberwh.New(k.Verifier), func(*fiber.Ctx) error {
				runs.Add(1)
				return nil
			}))
			for n := range 2 {
				r := do(t, k.request(t, url, "msg_1", -time.Duration(n)*time.Second, event))
				if r.status != http.StatusInternalServerError || !strings.Contains(r.body, "misconfigured") {
					t.Errorf("attempt %d: %+v", n+1, r)
				}
			}
			if n := runs.Load(); n != 0 {
				t.Errorf("the handler ran %d times", n)
			}
			k.mu.Lock()
			defer k.mu.Unlock()
			if len(k.events) == 0 || !errors.Is(k.events[0].Err, core.ErrMisconfigured) || !strings.Contains(k.events[0].Err.Error(), "mounted twice") {
				t.Errorf("the observer was told %+v", k.events)
			}
		})
	}
}
