package ginwh_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/ginwh"
)

// HandleContext goes here to a chain of the same length. Of a longer one, gin 1.10
// runs the rest afterwards, even if it was aborted.
func TestARequestThatPassesTwiceIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	for how, build := range map[string]func(wh, handler gin.HandlerFunc) *gin.Engine{
		"on a group and on a route of it": func(wh, handler gin.HandlerFunc) *gin.Engine {
			g := gin.New()
			g.Group("/", wh).POST("/hook", wh, handler)
			return g
		},
		"on the engine and on a route": func(wh, handler gin.HandlerFunc) *gin.Engine {
			g := gin.New()
			g.Use(wh)
			g.POST("/hook", wh, handler)
			return g
		},
		"dispatched again by HandleContext": func(wh, handler gin.HandlerFunc) *gin.Engine {
			g := gin.New()
			g.POST("/inner", wh, handler)
			g.POST("/hook", wh, func(c *gin.Context) {
				c.Request.URL.Path = "/inner"
				g.HandleContext(c)
			})
			return g
		},
		"dispatched again by ServeHTTP": func(wh, handler gin.HandlerFunc) *gin.Engine {
			g := gin.New()
			g.POST("/inner", wh, handler)
			g.POST("/hook", wh, func(c *gin.Context) {
				c.Request.URL.Path = "/inner"
				g.ServeHTTP(c.Writer, c.Request)
			})
			return g
		},
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			k := newKit(t, core.Config{})
			var runs atomic.Int32
			url := serve(t, build(ginwh.New(k.Verifier), func(*gin.Context) { runs.Add(1) }))
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

// A route without the middleware may handle what another one admitted.
func TestHandleContextHandsAnAdmittedMessageOn(t *testing.T) {
	t.Parallel()
	k := newKit(t, core.Config{})
	g := gin.New()
	var fromRequest, message core.Message
	g.POST("/inner", func(c *gin.Context) {
		message = ginwh.Message(c) // gin has cleared its Keys
		fromRequest, _ = core.FromContext(c.Request.Context())
		c.Status(http.StatusAccepted)
	})
	if none, _ := gin.CreateTestContext(httptest.NewRecorder()); ginwh.Message(none).ID != "" {
		t.Error("there is a message without a request")
	}
	g.POST("/hook", ginwh.New(k.Verifier), func(c *gin.Context) {
		c.Request.URL.Path = "/inner"
		g.HandleContext(c)
	})
	url := serve(t, g)
	if r := do(t, k.request(t, url, "msg_1", 0, event)); r.status != http.StatusAccepted || fromRequest.ID != "msg_1" || message.ID != "msg_1" {
		t.Errorf("%+v, message %+v, by Message %+v", r, fromRequest, message)
	}
	if r := do(t, k.request(t, url, "msg_1", -time.Second, event)); r.status != http.StatusAccepted || r.header.Get(core.RedeliveryHeader) == "" {
		t.Errorf("redelivery: %+v", r)
	}
}
