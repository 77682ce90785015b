package ginwh_test

import (
	"io"
	"log"
	"net"
	"net/http"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/ginwh"
	"github.com/hookonce/hookonce/whtest"
)

func init() { gin.SetMode(gin.ReleaseMode) } //nolint:gochecknoinits // gin's mode is global, and its debug mode prints

func TestSuite(t *testing.T) {
	t.Parallel()
	whtest.TestAdapter(t, whtest.Adapter{Serve: serveSuite, Hijacks: true})
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
	handlers = append(handlers, func(c *gin.Context) { _ = m.Handler(call(c)) }) // gin's handlers return nothing
	routes.POST("/*path", handlers...)
	return serve(t, g)
}

// serve runs h on loopback until the test ends.
func serve(t testing.TB, h http.Handler) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return "http://" + l.Addr().String()
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

// raw is a gin binding that takes the bytes as they are.
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
