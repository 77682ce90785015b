package echowh_test

import (
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/echowh"
)

func TestARequestThatPassesTwiceIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	for how, build := range map[string]func(wh echo.MiddlewareFunc, handler echo.HandlerFunc) *echo.Echo{
		"on a group and on a route of it": func(wh echo.MiddlewareFunc, handler echo.HandlerFunc) *echo.Echo {
			e := newEcho()
			e.Group("", wh).POST("/hook", handler, wh)
			return e
		},
		"by Use and on a route": func(wh echo.MiddlewareFunc, handler echo.HandlerFunc) *echo.Echo {
			e := newEcho()
			e.Use(wh)
			e.POST("/hook", handler, wh)
			return e
		},
		"dispatched again by ServeHTTP": func(wh echo.MiddlewareFunc, handler echo.HandlerFunc) *echo.Echo {
			e := newEcho()
			e.POST("/inner", handler, wh)
			e.POST("/hook", func(c echo.Context) error {
				c.Request().URL.Path = "/inner"
				e.ServeHTTP(c.Response(), c.Request())
				return nil
			}, wh)
			return e
		},
		"dispatched again by the router": func(wh echo.MiddlewareFunc, handler echo.HandlerFunc) *echo.Echo {
			e := newEcho()
			e.POST("/inner", handler, wh)
			e.POST("/hook", func(c echo.Context) error {
				e.Router().Find(http.MethodPost, "/inner", c)
				return c.Handler()(c)
			}, wh)
			return e
		},
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			k := newKit(t, core.Config{})
			var runs atomic.Int32
			url := serve(t, build(echowh.New(k.Verifier), func(c echo.Context) error {
				runs.Add(1)
				return c.NoContent(http.StatusOK)
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
