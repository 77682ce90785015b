package echov5wh_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v5"
	"github.com/labstack/echo/v5/middleware"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/echov5wh"
	"github.com/hookonce/hookonce/internal/adaptertest"
	"github.com/hookonce/hookonce/nethttp"
)

func TestEveryWayToReadTheBody(t *testing.T) {
	t.Parallel()
	form := url.Values{"type": {"invoice.paid"}}.Encode()
	multi, multiType := adaptertest.Multipart(t)
	type payload struct {
		Type string `form:"type" json:"type" xml:"type"`
	}
	bind := func(c *echo.Context) (string, error) {
		var p payload
		err := c.Bind(&p)
		return p.Type, err
	}
	value := func(c *echo.Context) (string, error) { return c.FormValue("type"), nil }
	cases := []struct {
		name, contentType, body string
		read                    func(c *echo.Context) (string, error)
	}{
		{"json.Decoder", "application/json", adaptertest.Event, func(c *echo.Context) (string, error) {
			var p payload
			err := json.NewDecoder(c.Request().Body).Decode(&p)
			return p.Type, err
		}},
		{"io.ReadAll", "text/plain", "invoice.paid", func(c *echo.Context) (string, error) {
			b, err := io.ReadAll(c.Request().Body)
			return string(b), err
		}},
		{"Bind of JSON", "application/json", adaptertest.Event, bind},
		{"BindBody of JSON", "application/json", adaptertest.Event, func(c *echo.Context) (string, error) {
			var p payload
			err := echo.BindBody(c, &p)
			return p.Type, err
		}},
		{"Bind of XML", "application/xml", "<e><type>invoice.paid</type></e>", bind},
		{"Bind of a form", echo.MIMEApplicationForm, form, bind},
		{"Bind of multipart", multiType, multi, bind},
		{"FormValue", echo.MIMEApplicationForm, form, value},
		{"FormValue of multipart", multiType, multi, value},
		{"FormValues", echo.MIMEApplicationForm, form, func(c *echo.Context) (string, error) {
			v, err := c.FormValues()
			return v.Get("type"), err
		}},
		{"MultipartForm", multiType, multi, func(c *echo.Context) (string, error) {
			f, err := c.MultipartForm()
			if err != nil {
				return "", err
			}
			return f.Value["type"][0], nil
		}},
		{"FormFile", multiType, multi, func(c *echo.Context) (string, error) {
			f, err := c.FormFile("file")
			if err != nil {
				return "", err
			}
			r, err := f.Open()
			if err != nil {
				return "", err
			}
			defer r.Close()
			b, err := io.ReadAll(r)
			return string(b), err
		}},
		{"Message().Body", "text/plain", "invoice.paid", func(c *echo.Context) (string, error) { return string(echov5wh.Message(c).Body), nil }},
		{"an empty body", "text/plain", "", func(c *echo.Context) (string, error) {
			b, err := io.ReadAll(c.Request().Body)
			return "invoice.paid" + string(b), err
		}},
	}
	for _, chunked := range []bool{false, true} {
		for _, c := range cases {
			t.Run(fmt.Sprintf("%s, chunked %v", c.name, chunked), func(t *testing.T) {
				t.Parallel()
				k := adaptertest.NewKit(t, core.Config{})
				target := adaptertest.Serve(t, mount(func(ctx *echo.Context) error {
					got, err := c.read(ctx)
					if err != nil {
						return err
					}
					return ctx.String(http.StatusOK, got)
				}, echov5wh.New(k.Verifier)))
				req := k.Request(t, target, "msg_1", 0, c.body)
				req.Header.Set("Content-Type", c.contentType)
				if chunked {
					req.ContentLength = -1
				}
				if r := adaptertest.Try(t, req); r.Status != 200 || r.Body != "invoice.paid" {
					t.Errorf("got %d %q (%v)", r.Status, r.Body, k.Last().Err)
				}
			})
		}
	}
}

// TestMiddlewaresThatTouchTheBody mounts each upstream and downstream.
func TestMiddlewaresThatTouchTheBody(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	_, _ = zip.Write([]byte(adaptertest.Event))
	_ = zip.Close()
	const formType = echo.MIMEApplicationForm
	dump := middleware.BodyDump(func(*echo.Context, []byte, []byte, error) {})
	form := middleware.MethodOverrideWithConfig(middleware.MethodOverrideConfig{Getter: middleware.MethodFromForm("_method")})
	for _, c := range []struct {
		name                        string
		contentType, encoding, body string
		mw                          echo.MiddlewareFunc
		outside, inside             int
	}{
		{"Decompress", "application/json", "gzip", packed.String(), middleware.Decompress(), 500, 200},
		{"BodyDump", "application/json", "", adaptertest.Event, dump, 200, 200},
		{"MethodOverride from a form", formType, "", "type=a", form, 500, 200},
		{"BodyLimit that is kept", "application/json", "", adaptertest.Event, middleware.BodyLimit(1 << 10), 200, 200},
		{"Gzip", "application/json", "", adaptertest.Event, middleware.Gzip(), 200, 200},
		{"CSRF blocks every webhook: skip it for the route", "application/json", "", adaptertest.Event, middleware.CSRF(), 400, 400},
	} {
		for _, outside := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, outside %v", c.name, outside), func(t *testing.T) {
				t.Parallel()
				k := adaptertest.NewKit(t, core.Config{})
				use, want := []echo.MiddlewareFunc{echov5wh.New(k.Verifier), c.mw}, c.inside
				if outside {
					use[0], use[1], want = use[1], use[0], c.outside
				}
				target := adaptertest.Serve(t, mount(func(ctx *echo.Context) error { return ctx.NoContent(200) }, use...))
				req := k.Request(t, target, "msg_1", 0, c.body)
				req.Header.Set("Content-Type", c.contentType)
				if c.encoding != "" {
					req.Header.Set("Content-Encoding", c.encoding)
				}
				r := adaptertest.Try(t, req)
				if r.Status != want || want == 500 && k.Last().Reason != core.ErrBodyConsumed {
					t.Errorf("got %d %s, observed %v", r.Status, r.Body, k.Last().Err)
				}
			})
		}
	}
}

func TestBodyLimitOutsideAnswersItself(t *testing.T) {
	t.Parallel()
	k := adaptertest.NewKit(t, core.Config{})
	target := adaptertest.Serve(t, mount(func(*echo.Context) error {
		t.Error("the handler ran")
		return nil
	}, middleware.BodyLimit(10), echov5wh.New(k.Verifier, echov5wh.Deny(func(*echo.Context, *core.Error) error {
		t.Error("Deny was asked")
		return nil
	}))))
	req := k.Request(t, target, "msg_1", 0, adaptertest.Event)
	req.ContentLength = -1 // a declared length is refused upstream
	if r := adaptertest.Try(t, req); r.Status != http.StatusRequestEntityTooLarge || !strings.Contains(r.Body, "Request Entity Too Large") {
		t.Errorf("got %d %s", r.Status, r.Body)
	}
}

// TestOutcome sends a message twice, the second time as a newer attempt: the handler must run again
// if and only if the first attempt counted as failed.
func TestOutcome(t *testing.T) {
	t.Parallel()
	recovering := middleware.Recover()
	logger := middleware.RequestLoggerWithConfig(middleware.RequestLoggerConfig{
		HandleError: true, LogValuesFunc: func(*echo.Context, middleware.RequestLoggerValues) error { return nil },
	})
	rendering := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			if err := next(c); err != nil {
				c.Echo().HTTPErrorHandler(c, err)
			}
			return nil
		}
	}
	broken := errors.New("no")
	cases := []struct {
		name            string
		outside, inside echo.MiddlewareFunc
		handler         echo.HandlerFunc
		status          int
		handled         bool
	}{
		{name: "JSON", handler: func(c *echo.Context) error { return c.JSON(201, 1) }, status: 201, handled: true},
		{name: "NoContent(204)", handler: func(c *echo.Context) error { return c.NoContent(204) }, status: 204, handled: true},
		{name: "Redirect", handler: func(c *echo.Context) error { return c.Redirect(302, "/") }, status: 302},
		{name: "a returned HTTPError", handler: func(*echo.Context) error { return errTeapot }, status: 418},
		{name: "an error rendered inside by the HTTPErrorHandler", inside: rendering, handler: func(*echo.Context) error { return errTeapot }, status: 418},
		{name: "an error rendered inside by RequestLogger", inside: logger, handler: func(*echo.Context) error { return errTeapot }, status: 418},
		{
			name: "an error under BodyDump inside", inside: middleware.BodyDump(func(*echo.Context, []byte, []byte, error) {}),
			handler: func(*echo.Context) error { return errTeapot }, status: 418,
		},
		{name: "a success under Gzip inside", inside: middleware.Gzip(), handler: func(c *echo.Context) error { return c.String(200, adaptertest.Event) }, status: 200, handled: true},
		{name: "a failure under Gzip outside", outside: middleware.Gzip(), handler: func(*echo.Context) error { return errTeapot }, status: 418},
		{name: "http.ErrAbortHandler, which Recover passes on", inside: recovering, handler: func(*echo.Context) error { panic(http.ErrAbortHandler) }, status: 0},
		{name: "a failure written to the raw writer, of which c.Response knows nothing", handler: func(c *echo.Context) error {
			raw(c).WriteHeader(503)
			return nil
		}, status: 503},
		{name: "ContextTimeout inside", inside: middleware.ContextTimeout(time.Millisecond), handler: func(c *echo.Context) error {
			<-c.Request().Context().Done()
			return c.Request().Context().Err()
		}, status: 503},
		{name: "an early 103, then a text", handler: early(func(c *echo.Context) error { return c.String(200, "done") }), status: 200, handled: true},
		{name: "an early 103, then a returned HTTPError", handler: early(func(*echo.Context) error { return errTeapot }), status: 418},
		{name: "an early 103, then an error rendered outside", outside: rendering, handler: early(func(*echo.Context) error { return broken }), status: 500},
		{name: "an early 103 past c.Response, then 500", handler: func(c *echo.Context) error {
			raw(c).WriteHeader(http.StatusEarlyHints)
			return c.NoContent(500)
		}, status: 500},
		{name: "a net/http handler behind echo.WrapHandler", handler: echo.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(502)
		})), status: 502},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k := adaptertest.NewKit(t, core.Config{})
			var runs atomic.Int32
			var use []echo.MiddlewareFunc
			for _, mw := range []echo.MiddlewareFunc{c.outside, echov5wh.New(k.Verifier), c.inside} {
				if mw != nil {
					use = append(use, mw)
				}
			}
			e := mount(func(ctx *echo.Context) error {
				runs.Add(1)
				return c.handler(ctx)
			}, use...)
			target := adaptertest.Serve(t, e)
			if first := adaptertest.Try(t, k.Request(t, target, "msg_1", 0, adaptertest.Event)); first.Status != c.status {
				t.Errorf("the first attempt was answered %d %s, want %d", first.Status, first.Body, c.status)
			}
			want := core.Handled
			if !c.handled {
				want = core.ErrHandlerFailed
			}
			if got := k.Last().Reason; got != want {
				t.Errorf("observed %s, want %s", got, want)
			}
			r := adaptertest.Try(t, k.Request(t, target, "msg_1", -2*time.Second, adaptertest.Event))
			switch {
			case c.handled && (runs.Load() != 1 || r.Status != c.status || r.Header.Get(core.RedeliveryHeader) != "acknowledged" || r.Body != ""):
				t.Errorf("handled, but the next attempt was answered %d %q after %d runs", r.Status, r.Body, runs.Load())
			case !c.handled && runs.Load() != 2:
				t.Errorf("failed, but the next attempt did not run: %d %s", r.Status, r.Body)
			}
		})
	}
}

var errTeapot = echo.NewHTTPError(http.StatusTeapot, "")

// written is echo's writer.
func written(c *echo.Context) *echo.Response {
	res, err := echo.UnwrapResponse(c.Response())
	if err != nil {
		panic(err)
	}
	return res
}

// raw is the writer under echo's own.
func raw(c *echo.Context) http.ResponseWriter { return written(c).ResponseWriter }

// early sends an early 103, which echo mistakes for the response.
func early(then echo.HandlerFunc) echo.HandlerFunc {
	return func(c *echo.Context) error {
		c.Response().WriteHeader(http.StatusEarlyHints)
		return then(c)
	}
}

func TestTheMessageIsFoundInEveryContext(t *testing.T) {
	t.Parallel()
	type outerKey struct{}
	k := adaptertest.NewKit(t, core.Config{})
	check := func(where string, m core.Message) {
		t.Helper()
		if m.ID != "msg_1" || string(m.Body) != adaptertest.Event {
			t.Errorf("%s: %+v", where, m)
		}
	}
	outside := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			c.SetRequest(c.Request().WithContext(context.WithValue(c.Request().Context(), outerKey{}, "outer")))
			writer := raw(c)
			err := next(c)
			check("Message(c) outside, after the handler", echov5wh.Message(c))
			if e := c.Request().Context().Err(); e != nil {
				t.Errorf("the middleware outside got a context that ended with the handler: %v", e)
			}
			if raw(c) != writer {
				t.Error("the middleware outside did not get its writer back")
			}
			return err
		}
	}
	handler := func(c *echo.Context) error {
		check("Message(c)", echov5wh.Message(c))
		m, _ := core.FromContext(c.Request().Context())
		check("the request's context", m)
		if c.Request().Context().Value(outerKey{}) != "outer" {
			t.Error("the context lost a value from outside")
		}
		return echo.WrapHandler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			check("net/http behind echo.WrapHandler", nethttp.Message(r))
		}))(c)
	}
	if r := adaptertest.Try(t, k.Request(t, adaptertest.Serve(t, mount(handler, outside, echov5wh.New(k.Verifier))), "msg_1", 0, adaptertest.Event)); r.Status != 200 {
		t.Error(r)
	}
	var none core.Message
	adaptertest.Try(t, k.Request(t, adaptertest.Serve(t, mount(func(c *echo.Context) error {
		none = echov5wh.Message(c)
		return nil
	})), "msg_1", 0, adaptertest.Event))
	if none.ID != "" {
		t.Errorf("without the middleware there is a message: %+v", none)
	}
}

func TestRefusalsReachTheSenderAsCoreWroteThem(t *testing.T) {
	t.Parallel()
	for name, custom := range map[string]bool{"with the default HTTPErrorHandler": false, "with one of the application's own": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := adaptertest.NewKit(t, core.Config{})
			logged := 0
			e := mount(func(*echo.Context) error {
				t.Error("the handler ran")
				return nil
			}, func(next echo.HandlerFunc) echo.HandlerFunc {
				return func(c *echo.Context) error {
					c.Response().Header().Set("X-Outer", "kept")
					c.Response().Header().Set("Content-Type", "text/html")
					err := next(c)
					logged = written(c).Status
					return err
				}
			}, echov5wh.New(k.Verifier))
			if custom {
				e.HTTPErrorHandler = func(c *echo.Context, _ error) { _ = c.String(599, "mine") }
			}
			req := k.Request(t, adaptertest.Serve(t, e), "msg_1", 0, adaptertest.Event)
			req.Body = io.NopCloser(strings.NewReader(strings.ToUpper(adaptertest.Event)))
			r := adaptertest.Try(t, req)
			want := (&core.Error{Reason: core.ErrNoMatch}).Answer()
			if r.Status != want.Status || r.Body != string(want.Body) || logged != want.Status || r.Header.Get("X-Outer") != "kept" {
				t.Errorf("answered %d %s, logged %d", r.Status, r.Body, logged)
			}
			for key, values := range want.Header {
				if got := r.Header[key]; strings.Join(got, "|") != strings.Join(values, "|") {
					t.Errorf("%s is %q, want %q", key, got, values)
				}
			}
		})
	}
}

func TestDenyIsAskedForRefusalsOnly(t *testing.T) {
	t.Parallel()
	k := adaptertest.NewKit(t, core.Config{})
	denied := 0
	target := adaptertest.Serve(t, mount(func(c *echo.Context) error { return c.String(202, "done") },
		echov5wh.New(k.Verifier, echov5wh.Deny(func(_ *echo.Context, err *core.Error) error {
			denied++
			return echo.NewHTTPError(err.Answer().Status, "custom").Wrap(err)
		}))))
	for i, c := range []struct {
		age    time.Duration
		status int
		body   string
		denied int
	}{
		{0, 202, "done", 0},
		{-2 * time.Second, 202, "", 0},                     // acknowledged
		{time.Hour, 401, `{"message":"custom"}` + "\n", 1}, // refused, rendered by the HTTPErrorHandler
	} {
		if r := adaptertest.Try(t, k.Request(t, target, "msg_1", c.age, adaptertest.Event)); r.Status != c.status || r.Body != c.body || denied != c.denied {
			t.Errorf("attempt %d: %d %q, denied %d times", i+1, r.Status, r.Body, denied)
		}
	}
}

// The connection is handled after the response. That must not send a response before the
// HTTPErrorHandler does.
func TestDenyMayLeaveATooLargeBodyToTheHTTPErrorHandler(t *testing.T) {
	t.Parallel()
	k := adaptertest.NewKit(t, core.Config{MaxBody: 10})
	target := adaptertest.Serve(t, mount(func(*echo.Context) error { return nil }, echov5wh.New(k.Verifier, echov5wh.Deny(func(_ *echo.Context, err *core.Error) error {
		return echo.NewHTTPError(err.Answer().Status, "")
	}))))
	if r := adaptertest.Try(t, k.Request(t, target, "msg_1", 0, adaptertest.Event)); r.Status != http.StatusRequestEntityTooLarge || k.Last().Reason != core.ErrBodyTooLarge {
		t.Errorf("got %d, observed %v", r.Status, k.Last().Err)
	}
}

func TestADenyFunctionThatWritesNothingRefuses(t *testing.T) {
	t.Parallel()
	adaptertest.TestSilentDeny(t, func(v *core.Verifier) string {
		handler := func(*echo.Context) error { t.Error("the handler ran"); return nil }
		return adaptertest.Serve(t, mount(handler, echov5wh.New(v, echov5wh.Deny(func(*echo.Context, *core.Error) error { return nil }))))
	})
}

func TestNewPanicsOnANilVerifier(t *testing.T) {
	t.Parallel()
	defer func() {
		if got := fmt.Sprint(recover()); !strings.Contains(got, "core.New") {
			t.Errorf("panic: %s", got)
		}
	}()
	echov5wh.New(nil)
}

// hiding is a foreign writer that echo cannot unwrap.
type hiding struct{ http.ResponseWriter }

func TestAWriterOutsideThatHidesEchosOwn(t *testing.T) {
	t.Parallel()
	hide := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			c.SetResponse(hiding{c.Response()})
			return next(c)
		}
	}
	for _, c := range []struct {
		name    string
		handler echo.HandlerFunc
		status  int
		want    core.Reason
	}{
		{"a success", func(c *echo.Context) error { return c.NoContent(204) }, 204, core.Handled},
		{"a failure", func(c *echo.Context) error { return c.NoContent(503) }, 503, core.ErrHandlerFailed},
		{"an error", func(*echo.Context) error { return errTeapot }, 418, core.ErrHandlerFailed},
		{"nothing written", func(*echo.Context) error { return nil }, 200, core.Handled},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k := adaptertest.NewKit(t, core.Config{})
			r := adaptertest.Try(t, k.Request(t, adaptertest.Serve(t, mount(c.handler, hide, echov5wh.New(k.Verifier))), "msg_1", 0, adaptertest.Event))
			if r.Status != c.status || k.Last().Reason != c.want {
				t.Errorf("got %d, observed %s", r.Status, k.Last().Reason)
			}
		})
	}
}
