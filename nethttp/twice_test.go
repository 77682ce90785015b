package nethttp_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/nethttp"
	"github.com/hookonce/hookonce/whtest"
)

func TestARequestThatPassesTwiceIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	for how, build := range map[string]func(wh func(http.Handler) http.Handler, handler http.Handler) http.Handler{
		"on a mux and on a route of it": func(wh func(http.Handler) http.Handler, handler http.Handler) http.Handler {
			mux := http.NewServeMux()
			mux.Handle("/hook", wh(handler))
			return wh(mux)
		},
		"dispatched again to the mux": func(wh func(http.Handler) http.Handler, handler http.Handler) http.Handler {
			mux := http.NewServeMux()
			mux.Handle("/inner", wh(handler))
			mux.Handle("/hook", wh(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				r.URL.Path = "/inner"
				mux.ServeHTTP(w, r)
			})))
			return mux
		},
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			told := make(chan core.Event, 8)
			v, signer := pair(t, &core.Config{Observe: func(_ context.Context, e core.Event) { told <- e }})
			var runs atomic.Int32
			url := listen(t, build(nethttp.New(v), http.HandlerFunc(func(http.ResponseWriter, *http.Request) { runs.Add(1) })))
			for n := range 2 {
				at := time.Now().Add(time.Duration(n) * time.Second)
				r := fetch(t, http.DefaultClient, whtest.NewRequest(t, signer, url+"/hook", "{}", whtest.ID("msg_1"), whtest.At(at)))
				if r.status != http.StatusInternalServerError || !strings.Contains(r.body, "misconfigured") {
					t.Errorf("attempt %d: %+v", n+1, r)
				}
			}
			if n := runs.Load(); n != 0 {
				t.Errorf("the handler ran %d times", n)
			}
			if e := <-told; e.Reason != core.ErrMisconfigured || !strings.Contains(e.Err.Error(), "mounted twice") {
				t.Errorf("the observer was told %+v", e)
			}
		})
	}
}
