package ginwh_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/adaptertest"
	"github.com/hookonce/hookonce/nethttp"
)

type nextKey struct{}

// aroundNext is how net/http middlewares are usually mounted in gin.
func aroundNext(mw func(http.Handler) http.Handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		mw(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			c.Request = r
			c.Next()
		})).ServeHTTP(c.Writer, c.Request)
	}
}

// byContext wraps once, when the program starts, and finds the context in the request.
func byContext(mw func(http.Handler) http.Handler) gin.HandlerFunc {
	wrapped := mw(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(nextKey{}).(*gin.Context); ok {
			c.Request = r
			c.Next()
		}
	}))
	return func(c *gin.Context) {
		wrapped.ServeHTTP(c.Writer, c.Request.WithContext(context.WithValue(c.Request.Context(), nextKey{}, c)))
	}
}

// logged is another upstream net/http middleware.
func logged(mw func(http.Handler) http.Handler) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		inner := mw(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			inner.ServeHTTP(adaptertest.Unwrapping{ResponseWriter: w}, r)
		})
	}
}

// buffering wraps gin's writer, as a gin middleware does, without Unwrap.
type buffering struct{ gin.ResponseWriter }

func inBuffer(c *gin.Context) { c.Writer = buffering{c.Writer} }

// gin writes to its own c.Writer, not to what a net/http middleware sees.
func TestNetHTTPRefusesToStandAroundHandlersOfGin(t *testing.T) {
	t.Parallel()
	for name, bridge := range map[string]func(func(http.Handler) http.Handler) []gin.HandlerFunc{
		"around c.Next": func(mw func(http.Handler) http.Handler) []gin.HandlerFunc { return []gin.HandlerFunc{aroundNext(mw)} },
		"around c.Next, of a chain": func(mw func(http.Handler) http.Handler) []gin.HandlerFunc {
			return []gin.HandlerFunc{aroundNext(logged(mw))}
		},
		"by the context": func(mw func(http.Handler) http.Handler) []gin.HandlerFunc { return []gin.HandlerFunc{byContext(mw)} },
		"by the context, of a chain": func(mw func(http.Handler) http.Handler) []gin.HandlerFunc {
			return []gin.HandlerFunc{byContext(logged(mw))}
		},
		"by the context, buffered": func(mw func(http.Handler) http.Handler) []gin.HandlerFunc {
			return []gin.HandlerFunc{inBuffer, byContext(mw)}
		},
	} {
		for _, status := range []int{http.StatusInternalServerError, http.StatusNoContent} {
			t.Run(name+", the handler writes "+http.StatusText(status), func(t *testing.T) {
				t.Parallel()
				k := adaptertest.NewKit(t, core.Config{})
				runs := 0 // gin runs the next handler even after a refusal, unless something aborts
				target := adaptertest.Serve(t, mount(append(bridge(nethttp.New(k.Verifier)), func(c *gin.Context) {
					if _, verified := core.FromContext(c.Request.Context()); verified {
						runs++
					}
					c.Status(status)
				})...))
				if r := adaptertest.Try(t, k.Request(t, target, "msg_1", 0, adaptertest.Event)); r.Status != http.StatusInternalServerError || runs != 0 {
					t.Errorf("got %d, %d messages were handled", r.Status, runs)
				}
				if err := k.Last().Err; !errors.Is(err, core.ErrMisconfigured) || !strings.Contains(err.Error(), " ginwh.New") {
					t.Errorf("observed %v", err)
				}
			})
		}
	}
}

func TestNetHTTPMayStandWhereItSeesTheResponse(t *testing.T) {
	t.Parallel()
	teapot := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }
	silent := func(http.ResponseWriter, *http.Request) {}
	for _, c := range []struct {
		name  string
		mount func(k *adaptertest.Kit) http.Handler
		want  core.Reason
	}{
		{"around the engine", func(k *adaptertest.Kit) http.Handler {
			return nethttp.New(k.Verifier)(mount(func(c *gin.Context) { c.Status(500) }))
		}, core.ErrHandlerFailed},
		{"in gin.WrapH", func(k *adaptertest.Kit) http.Handler {
			return mount(gin.WrapH(nethttp.New(k.Verifier)(http.HandlerFunc(teapot))))
		}, core.ErrHandlerFailed},
		{"in gin.WrapF, and nothing is written", func(k *adaptertest.Kit) http.Handler {
			return mount(gin.WrapF(nethttp.New(k.Verifier)(http.HandlerFunc(silent)).ServeHTTP))
		}, core.Handled},
		{"in a mux in gin.WrapH, made for the request", func(k *adaptertest.Kit) http.Handler {
			return mount(gin.WrapF(func(w http.ResponseWriter, r *http.Request) {
				mux := http.NewServeMux()
				mux.Handle("POST /hook", nethttp.New(k.Verifier)(http.HandlerFunc(silent)))
				mux.ServeHTTP(w, r)
			}))
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
