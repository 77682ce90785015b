package echowh_test

import (
	"io"
	"mime/multipart"
	"net/http"
	"strconv"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/echowh"
	"github.com/hookonce/hookonce/internal/adaptertest"
	"github.com/hookonce/hookonce/whtest"
)

func TestSuite(t *testing.T) {
	t.Parallel()
	whtest.TestAdapter(t, whtest.Adapter{
		Serve: serveSuite, Hijacks: true, HandlerErrors: true, EarlyHints: true, TemporaryFiles: true, Dispatches: true,
	})
}

// serveSuite mounts the adapter for the suite.
func serveSuite(t testing.TB, m whtest.AdapterMount) string {
	t.Helper()
	var opts []echowh.Option
	if m.Deny {
		opts = append(opts, echowh.Deny(func(c echo.Context, err *core.Error) error {
			return c.String(http.StatusTeapot, "denied: "+string(err.Reason))
		}))
	}
	e := newEcho()
	recovering := middleware.RecoverWithConfig(middleware.RecoverConfig{LogErrorFunc: func(_ echo.Context, err error, _ []byte) error { return err }})
	if m.Log != nil {
		e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error {
				err := next(c)
				m.Log(c.Response().Status)
				return err
			}
		})
	}
	if m.ErrorsAsSuccess {
		e.HTTPErrorHandler = func(_ error, c echo.Context) { _ = c.NoContent(http.StatusOK) }
	}
	if m.BodyLimit > 0 {
		e.Use(middleware.BodyLimit(strconv.FormatInt(m.BodyLimit, 10) + "B"))
	}
	if m.Timeout > 0 {
		e.Use(middleware.ContextTimeout(m.Timeout))
	}
	if m.RecoverOutside {
		e.Use(recovering)
	}
	use := []echo.MiddlewareFunc{echowh.New(m.Verifier, opts...)}
	routes := e.Group("")
	if m.Twice {
		routes.Use(use...)
		use = []echo.MiddlewareFunc{echowh.New(m.Verifier)}
	}
	if m.RecoverInside {
		use = append(use, recovering)
	}
	run := func(c echo.Context) error { return m.Handler(call(c)) }
	if m.DispatchAgain {
		routes.POST("/again", run, use...)
		run = func(c echo.Context) error {
			e.Router().Find(http.MethodPost, "/again", c)
			return c.Handler()(c)
		}
	}
	routes.POST("/*", run, use...)
	return adaptertest.Serve(t, e)
}

func newEcho() *echo.Echo {
	e := echo.New()
	e.Logger.SetOutput(io.Discard)
	return e
}

func call(c echo.Context) *whtest.AdapterCall {
	return &whtest.AdapterCall{
		Context: c.Request().Context(), Message: echowh.Message(c),
		Bodies: map[string]func() ([]byte, error){
			"io.ReadAll": func() ([]byte, error) { return io.ReadAll(c.Request().Body) },
			"GetBody": func() ([]byte, error) {
				if c.Request().GetBody == nil {
					return nil, nil // an empty body has none
				}
				b, err := c.Request().GetBody()
				if err != nil {
					return nil, err
				}
				return io.ReadAll(b)
			},
		},
		Status:     func(status int) { _ = c.NoContent(status) },
		Write:      func(p []byte) { _, _ = c.Response().Write(p) },
		Flush:      c.Response().Flush,
		EarlyHints: func() { c.Response().WriteHeader(http.StatusEarlyHints) },
		Form: func() (*multipart.Form, error) {
			c.SetRequest(c.Request().WithContext(c.Request().Context())) // as ContextTimeout does
			err := c.Request().ParseMultipartForm(1)
			return c.Request().MultipartForm, err
		},
		Hijack: func() error {
			conn, buf, err := c.Response().Hijack()
			if err != nil {
				return err
			}
			_, _ = buf.WriteString("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			_ = buf.Flush()
			return conn.Close()
		},
	}
}
