package ginwh_test

import (
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/ginwh"
	"github.com/hookonce/hookonce/internal/adaptertest"
	"github.com/hookonce/hookonce/whtest"
)

func init() { gin.SetMode(gin.ReleaseMode) } //nolint:gochecknoinits // gin's mode is global, and its debug mode prints

func TestSuite(t *testing.T) {
	t.Parallel()
	whtest.TestAdapter(t, whtest.Adapter{Serve: serveSuite, Hijacks: true, EarlyHints: true, TemporaryFiles: true, Dispatches: true})
}

// serveSuite mounts the adapter for the suite.
func serveSuite(t testing.TB, m whtest.AdapterMount) string {
	t.Helper()
	var opts []ginwh.Option
	if m.Deny {
		opts = append(opts, ginwh.Deny(func(c *gin.Context, err *core.Error) {
			c.String(http.StatusTeapot, "denied: %s", err.Reason)
		}))
	}
	g := gin.New()
	if m.Log != nil {
		g.Use(func(c *gin.Context) {
			c.Next()
			m.Log(c.Writer.Status())
		})
	}
	if m.Timeout > 0 {
		g.Use(timeout(m.Timeout))
	}
	if m.RecoverOutside {
		g.Use(gin.RecoveryWithWriter(io.Discard))
	}
	handlers := []gin.HandlerFunc{ginwh.New(m.Verifier, opts...)}
	routes := &g.RouterGroup
	if m.Twice {
		routes = g.Group("/", handlers...)
		handlers = []gin.HandlerFunc{ginwh.New(m.Verifier)}
	}
	if m.RecoverInside {
		handlers = append(handlers, gin.RecoveryWithWriter(io.Discard))
	}
	run := func(c *gin.Context) { _ = m.Handler(call(c)) } // gin's handlers return nothing
	if m.DispatchAgain {
		routes.POST("/again", append(slices.Clone(handlers), run)...)
		run = func(c *gin.Context) {
			c.Request.URL.Path = "/again"
			g.HandleContext(c)
		}
		routes.POST("/hook", append(handlers, run)...)
	} else {
		routes.POST("/*path", append(handlers, run)...)
	}
	if m.BodyLimit > 0 { // gin has none of its own
		return adaptertest.Serve(t, http.MaxBytesHandler(g, m.BodyLimit))
	}
	return adaptertest.Serve(t, g)
}

// timeout is a typical context timeout middleware.
func timeout(d time.Duration) gin.HandlerFunc {
	return func(c *gin.Context) {
		ctx, cancel := context.WithTimeout(c.Request.Context(), d)
		defer cancel()
		c.Request = c.Request.WithContext(ctx)
		c.Next()
		if errors.Is(ctx.Err(), context.DeadlineExceeded) && !c.Writer.Written() {
			c.AbortWithStatus(http.StatusGatewayTimeout)
		}
	}
}

func call(c *gin.Context) *whtest.AdapterCall {
	return &whtest.AdapterCall{
		Context: c.Request.Context(), Message: ginwh.Message(c),
		Bodies: map[string]func() ([]byte, error){
			"io.ReadAll": func() ([]byte, error) { return io.ReadAll(c.Request.Body) },
			"GetRawData": func() ([]byte, error) { return c.GetRawData() },
			"ShouldBindBodyWith": func() ([]byte, error) {
				var b rawBody
				err := c.ShouldBindBodyWith(&b, raw{})
				return b, err
			},
		},
		Status: func(status int) {
			c.Status(status)
			c.Writer.WriteHeaderNow()
		},
		Write: func(p []byte) { _, _ = c.Writer.Write(p) },
		Flush: c.Writer.Flush,
		EarlyHints: func() {
			c.Status(http.StatusEarlyHints)
			c.Writer.WriteHeaderNow()
		},
		Form: func() (*multipart.Form, error) {
			c.Request = c.Request.WithContext(c.Request.Context()) // as many middlewares do
			err := c.Request.ParseMultipartForm(1)
			return c.Request.MultipartForm, err
		},
		Hijack: func() error {
			conn, buf, err := c.Writer.Hijack()
			if err != nil {
				return err
			}
			_, _ = buf.WriteString("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			_ = buf.Flush()
			return conn.Close()
		},
	}
}

// raw is a gin binding that returns the bytes unchanged.
type (
	raw     struct{}
	rawBody []byte
)

func (raw) Name() string { return "raw" }

func (raw) Bind(*http.Request, any) error { return nil }

func (raw) BindBody(b []byte, obj any) error {
	if p, ok := obj.(*rawBody); ok {
		*p = b
	}
	return nil
}
