package echov5wh_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/labstack/echo/v5"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/adaptertest"
	"github.com/hookonce/hookonce/nethttp"
)

type nextKey struct{}

// byHand mounts a net/http middleware around echo's handlers without echo.WrapMiddleware, as some
// programs do.
func byHand(mw func(http.Handler) http.Handler) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) (err error) {
			mw(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				c.SetRequest(r)
				c.SetResponse(echo.NewResponse(w, c.Logger()))
				err = next(c)
			})).ServeHTTP(c.Response(), c.Request())
			return err
		}
	}
}

// byContext wraps once, when the program starts, and finds the handler in the request.
func byContext(mw func(http.Handler) http.Handler) echo.MiddlewareFunc {
	wrapped := mw(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if run, ok := r.Context().Value(nextKey{}).(func(http.ResponseWriter, *http.Request)); ok {
			run(w, r)
		}
	}))
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) (err error) {
			run := func(_ http.ResponseWriter, r *http.Request) {
				c.SetRequest(r)
				err = next(c)
			}
			wrapped.ServeHTTP(c.Response(), c.Request().WithContext(context.WithValue(c.Request().Context(), nextKey{}, run)))
			return err
		}
	}
}

// outer is another net/http middleware, whose writer unwraps.
func outer(mw func(http.Handler) http.Handler) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		inner := mw(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(adaptertest.Unwrapping{ResponseWriter: w}, r)
		}))
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			inner.ServeHTTP(adaptertest.Unwrapping{ResponseWriter: w}, r)
		})
	}
}

// A net/http middleware does not see the error that a handler of echo returns.
func TestNetHTTPRefusesToStandAroundHandlersOfEcho(t *testing.T) {
	t.Parallel()
	for name, bridge := range map[string]func(func(http.Handler) http.Handler) echo.MiddlewareFunc{
		"echo.WrapMiddleware": echo.WrapMiddleware, "by hand": byHand, "by the context": byContext,
	} {
		for _, chained := range []bool{false, true} {
			for kind, handler := range map[string]echo.HandlerFunc{
				"returns an error": func(*echo.Context) error { return errTeapot },
				"succeeds":         func(c *echo.Context) error { return c.NoContent(http.StatusNoContent) },
			} {
				t.Run(fmt.Sprintf("%s, in a chain %v, the handler %s", name, chained, kind), func(t *testing.T) {
					t.Parallel()
					k := adaptertest.NewKit(t, core.Config{})
					mw := nethttp.New(k.Verifier)
					if chained {
						mw = outer(mw)
					}
					runs := 0
					target := adaptertest.Serve(t, mount(func(c *echo.Context) error {
						runs++
						return handler(c)
					}, bridge(mw)))
					for attempt := range 2 {
						r := adaptertest.Try(t, k.Request(t, target, "msg_1", 0, adaptertest.Event))
						if r.Status != http.StatusInternalServerError || runs != 0 {
							t.Errorf("attempt %d: got %d, the handler ran %d times", attempt+1, r.Status, runs)
						}
						if err := k.Last().Err; !errors.Is(err, core.ErrMisconfigured) || !strings.Contains(err.Error(), " echov5wh.New") {
							t.Errorf("attempt %d: observed %v", attempt+1, err)
						}
					}
				})
			}
		}
	}
}

func TestNetHTTPMayStandWhereItSeesTheResponse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		mount func(k *adaptertest.Kit) http.Handler
		want  core.Reason
	}{
		{"around the whole application", func(k *adaptertest.Kit) http.Handler {
			return nethttp.New(k.Verifier)(mount(func(*echo.Context) error { return errTeapot }))
		}, core.ErrHandlerFailed},
		{"in echo.WrapHandler", func(k *adaptertest.Kit) http.Handler {
			return mount(echo.WrapHandler(nethttp.New(k.Verifier)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusTeapot)
			}))))
		}, core.ErrHandlerFailed},
		{"in echo.WrapHandler, and nothing is written", func(k *adaptertest.Kit) http.Handler {
			return mount(echo.WrapHandler(nethttp.New(k.Verifier)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))))
		}, core.Handled},
		{"in a mux in echo.WrapHandler, made for the request", func(k *adaptertest.Kit) http.Handler {
			return mount(echo.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mux := http.NewServeMux()
				mux.Handle("POST /hook", nethttp.New(k.Verifier)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
				mux.ServeHTTP(w, r)
			})))
		}, core.Handled},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k := adaptertest.NewKit(t, core.Config{})
			adaptertest.Try(t, k.Request(t, adaptertest.Serve(t, c.mount(k)), "msg_1", 0, adaptertest.Event))
			if got := k.Last(); got.Reason != c.want {
				t.Errorf("observed %s (%v), want %s", got.Reason, got.Err, c.want)
			}
		})
	}
}

// Report-only mode changes nothing for a program that mounts the middleware in the wrong place.
func TestAMisplacedNetHTTPInReportOnlyModeLeavesTheBody(t *testing.T) {
	t.Parallel()
	k := adaptertest.NewKit(t, core.Config{DangerouslyReportOnly: true})
	target := adaptertest.Serve(t, mount(func(c *echo.Context) error {
		b, err := io.ReadAll(c.Request().Body)
		if err != nil {
			return err
		}
		return c.Blob(http.StatusOK, "text/plain", b)
	}, echo.WrapMiddleware(nethttp.New(k.Verifier))))
	if r := adaptertest.Try(t, k.Request(t, target, "msg_1", 0, adaptertest.Event)); r.Status != http.StatusOK || r.Body != adaptertest.Event || k.Last().Reason != core.ErrMisconfigured {
		t.Errorf("got %d %q, observed %v", r.Status, r.Body, k.Last().Err)
	}
}
