package ginwh_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/gin-gonic/gin/binding"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/ginwh"
	"github.com/hookonce/hookonce/internal/adaptertest"
	"github.com/hookonce/hookonce/nethttp"
)

type payload struct {
	Type string `form:"type" json:"type" xml:"type" yaml:"type"`
}

func TestEveryWayToReadTheBody(t *testing.T) {
	t.Parallel()
	form := url.Values{"type": {"invoice.paid"}}.Encode()
	multi, multiType := adaptertest.Multipart(t)
	const formType = "application/x-www-form-urlencoded"
	bind := func(f func(c *gin.Context, obj any) error) func(c *gin.Context) (string, error) {
		return func(c *gin.Context) (string, error) {
			var p payload
			err := f(c, &p)
			return p.Type, err
		}
	}
	twice := func(one, two func(c *gin.Context) (string, error)) func(c *gin.Context) (string, error) {
		return func(c *gin.Context) (string, error) {
			if got, err := one(c); err != nil || got != "invoice.paid" {
				return got, err
			}
			return two(c)
		}
	}
	withJSON := bind(func(c *gin.Context, obj any) error { return c.ShouldBindBodyWith(obj, binding.JSON) })
	cases := []struct {
		name, contentType, body string
		read                    func(c *gin.Context) (string, error)
	}{
		{"json.Decoder", "application/json", adaptertest.Event, bind(func(c *gin.Context, obj any) error { return json.NewDecoder(c.Request.Body).Decode(obj) })},
		{"BindJSON", "application/json", adaptertest.Event, bind((*gin.Context).BindJSON)},
		{"Bind of JSON", "application/json", adaptertest.Event, bind((*gin.Context).Bind)},
		{"ShouldBind of JSON", "application/json", adaptertest.Event, bind((*gin.Context).ShouldBind)},
		{"ShouldBindXML", "application/xml", "<e><type>invoice.paid</type></e>", bind((*gin.Context).ShouldBindXML)},
		{"ShouldBindYAML", "application/yaml", "type: invoice.paid", bind((*gin.Context).ShouldBindYAML)},
		{"ShouldBindBodyWith", "application/json", adaptertest.Event, withJSON},
		{"ShouldBindBodyWith twice", "application/json", adaptertest.Event, twice(withJSON, withJSON)},
		{"BindJSON, then ShouldBindBodyWith", "application/json", adaptertest.Event, twice(bind((*gin.Context).BindJSON), withJSON)},
		{"GetRawData", "text/plain", "invoice.paid", func(c *gin.Context) (string, error) {
			b, err := c.GetRawData()
			return string(b), err
		}},
		{"Message().Body", "text/plain", "invoice.paid", func(c *gin.Context) (string, error) { return string(ginwh.Message(c).Body), nil }},
		{"PostForm", formType, form, func(c *gin.Context) (string, error) { return c.PostForm("type"), nil }},
		{"ShouldBind of a form", formType, form, bind((*gin.Context).ShouldBind)},
		{"PostForm of multipart", multiType, multi, func(c *gin.Context) (string, error) { return c.PostForm("type"), nil }},
		{"MultipartForm", multiType, multi, func(c *gin.Context) (string, error) {
			f, err := c.MultipartForm()
			if err != nil {
				return "", err
			}
			return f.Value["type"][0], nil
		}},
		{"FormFile", multiType, multi, func(c *gin.Context) (string, error) {
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
		{"an empty body", "text/plain", "", func(c *gin.Context) (string, error) {
			b, err := c.GetRawData()
			return "invoice.paid" + string(b), err
		}},
	}
	for _, chunked := range []bool{false, true} {
		for _, c := range cases {
			t.Run(fmt.Sprintf("%s, chunked %v", c.name, chunked), func(t *testing.T) {
				t.Parallel()
				k := adaptertest.NewKit(t, core.Config{})
				target := adaptertest.Serve(t, mount(ginwh.New(k.Verifier), func(ctx *gin.Context) {
					got, err := c.read(ctx)
					ctx.String(http.StatusOK, "%s%v", got, err)
				}))
				req := k.Request(t, target, "msg_1", 0, c.body)
				req.Header.Set("Content-Type", c.contentType)
				if chunked {
					req.ContentLength = -1
				}
				if r := adaptertest.Try(t, req); r.Status != 200 || r.Body != "invoice.paid<nil>" {
					t.Errorf("got %d %q (%v)", r.Status, r.Body, k.Last().Err)
				}
			})
		}
	}
}

func TestBodiesReadBeforeUs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, contentType, body string
		before                  gin.HandlerFunc
		status                  int
	}{
		{"ShouldBindBodyWith leaves the bytes, and they are used", "application/json", adaptertest.Event, func(c *gin.Context) {
			_ = c.ShouldBindBodyWith(new(payload), binding.JSON)
		}, 200},
		{"ShouldBindJSON does not", "application/json", adaptertest.Event, func(c *gin.Context) { _ = c.ShouldBindJSON(new(payload)) }, 500},
		{"PostForm does not", "application/x-www-form-urlencoded", "type=a", func(c *gin.Context) { c.PostForm("type") }, 500},
		{"a decompressing middleware swaps the body", "application/json", adaptertest.Event, func(c *gin.Context) {
			c.Request.Body = io.NopCloser(strings.NewReader("{}"))
		}, 500},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k := adaptertest.NewKit(t, core.Config{})
			target := adaptertest.Serve(t, mount(c.before, ginwh.New(k.Verifier), func(ctx *gin.Context) {
				if b, err := ctx.GetRawData(); err != nil || string(b) != c.body {
					t.Errorf("the handler reads %q, %v", b, err)
				}
			}))
			req := k.Request(t, target, "msg_1", 0, c.body)
			req.Header.Set("Content-Type", c.contentType)
			if r := adaptertest.Try(t, req); r.Status != c.status || c.status == 500 && k.Last().Reason != core.ErrBodyConsumed {
				t.Errorf("got %d, observed %v", r.Status, k.Last().Err)
			}
		})
	}
}

// TestOutcome sends a message twice, the second time as a newer attempt: the handler must run again
// if and only if the first attempt counted as failed.
func TestOutcome(t *testing.T) {
	t.Parallel()
	recovering := gin.RecoveryWithWriter(io.Discard)
	renderErrors := func(c *gin.Context) {
		c.Next()
		if len(c.Errors) > 0 && !c.Writer.Written() {
			c.String(http.StatusInternalServerError, "rendered outside")
		}
	}
	innermost := func(c *gin.Context) http.ResponseWriter {
		var w http.ResponseWriter = c.Writer
		for {
			u, ok := w.(interface{ Unwrap() http.ResponseWriter })
			if !ok {
				return w
			}
			if _, recorder := w.(interface{ FlushError() error }); recorder {
				return w // the wrapper of the server's own writer
			}
			w = u.Unwrap()
		}
	}
	cases := []struct {
		name            string
		outside, inside gin.HandlerFunc
		handler         gin.HandlerFunc
		status          int
		handled         bool
	}{
		{name: "JSON", handler: func(c *gin.Context) { c.JSON(201, gin.H{}) }, status: 201, handled: true},
		{name: "Status alone, which gin writes later", handler: func(c *gin.Context) { c.Status(204) }, status: 204, handled: true},
		{name: "AbortWithStatus(204) is a success", handler: func(c *gin.Context) { c.AbortWithStatus(204) }, status: 204, handled: true},
		{name: "AbortWithStatus(422)", handler: func(c *gin.Context) { c.AbortWithStatus(422) }, status: 422},
		{name: "AbortWithError", handler: func(c *gin.Context) { _ = c.AbortWithError(400, errors.New("no")) }, status: 400},
		{name: "c.Error, rendered outside", outside: renderErrors, handler: func(c *gin.Context) { _ = c.Error(errors.New("no")) }, status: 500},
		{name: "c.Error that nobody renders: gin alone would answer 200, and the message would be lost", handler: func(c *gin.Context) {
			_ = c.Error(errors.New("no"))
		}, status: 500},
		{name: "c.Error with a status that nobody renders", handler: func(c *gin.Context) {
			c.Status(422)
			_ = c.Error(errors.New("no"))
		}, status: 422},
		{name: "http.ErrAbortHandler, Recovery inside, which gin alone would answer 200", inside: recovering, handler: func(*gin.Context) {
			panic(http.ErrAbortHandler)
		}, status: 500},
		{name: "c.Error after a written 200, which the sender takes at its word", outside: renderErrors, handler: func(c *gin.Context) {
			c.String(200, "done")
			_ = c.Error(errors.New("for the log"))
		}, status: 200, handled: true},
		{
			name: "an error from before the middleware is not the handler's", outside: func(c *gin.Context) { _ = c.Error(errors.New("earlier")) },
			handler: func(*gin.Context) {}, status: 200, handled: true,
		},
		{name: "200 written, then a panic recovered inside: the sender saw a success", inside: recovering, handler: func(c *gin.Context) {
			c.String(200, "done")
			panic("late")
		}, status: 200, handled: true},
		{name: "a failure written past gin", handler: func(c *gin.Context) { innermost(c).WriteHeader(500) }, status: 500},
		{name: "a success written past gin", handler: func(c *gin.Context) { innermost(c).WriteHeader(202) }, status: 202, handled: true},
		{name: "a body streamed past gin after gin's 404", handler: func(c *gin.Context) {
			c.Status(404)
			c.Writer.WriteHeaderNow()
			_, _ = innermost(c).Write([]byte("gone"))
		}, status: 404},
		{name: "an early 103, then 200", handler: func(c *gin.Context) {
			c.Status(103)
			c.Writer.WriteHeaderNow()
			_, _ = c.Writer.Write([]byte("done"))
		}, status: 200, handled: true},
		{name: "a panic that something outside swallows, where gin alone would answer 200", outside: swallowing, handler: func(*gin.Context) { panic("no") }, status: 500},
		{name: "a panic after Status(202) that something outside swallows", outside: swallowing, handler: func(c *gin.Context) {
			c.Status(202)
			panic("no")
		}, status: 500},
		{name: "a panic after Status(422) that something outside swallows", outside: swallowing, handler: func(c *gin.Context) {
			c.Status(422)
			panic("no")
		}, status: 422},
		{name: "http.ErrAbortHandler, Recovery outside, which gin alone would answer 200", outside: recovering, handler: func(*gin.Context) {
			panic(http.ErrAbortHandler)
		}, status: 500},
		{name: "an early 103, then 204", handler: early(func(c *gin.Context) { c.Status(204) }), status: 204, handled: true},
		{name: "an early 103, then JSON 500", handler: early(func(c *gin.Context) { c.JSON(500, 1) }), status: 500},
		{name: "an early 103, then c.Error", handler: early(func(c *gin.Context) { _ = c.Error(errors.New("no")) }), status: 500},
		{name: "an early 103, then c.Error, rendered outside", outside: renderErrors, handler: early(func(c *gin.Context) {
			_ = c.Error(errors.New("no"))
		}), status: 500},
		{name: "an early 103, then a panic that something outside swallows", outside: swallowing, handler: early(func(*gin.Context) { panic("no") }), status: 500},
		{name: "an early 103 by Flush, then JSON 500", handler: func(c *gin.Context) {
			c.Status(103)
			c.Writer.Flush()
			c.JSON(500, 1)
		}, status: 500},
		{name: "a 103 that is never sent, then 500", handler: func(c *gin.Context) {
			c.Status(103)
			c.JSON(500, 1)
		}, status: 500},
		{name: "a 103 that is never sent, then nothing", handler: func(c *gin.Context) { c.Status(103) }, status: 200, handled: true},
		{name: "http.TimeoutHandler behind gin.WrapH", handler: gin.WrapH(http.TimeoutHandler(http.HandlerFunc(
			func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), time.Millisecond, "")), status: 503},
		{name: "a net/http handler behind gin.WrapF", handler: gin.WrapF(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) }), status: 502},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k := adaptertest.NewKit(t, core.Config{})
			var runs atomic.Int32
			var chain []gin.HandlerFunc
			for _, h := range []gin.HandlerFunc{c.outside, ginwh.New(k.Verifier), c.inside, func(ctx *gin.Context) {
				runs.Add(1)
				c.handler(ctx)
			}} {
				if h != nil {
					chain = append(chain, h)
				}
			}
			target := adaptertest.Serve(t, mount(chain...))
			first := adaptertest.Try(t, k.Request(t, target, "msg_1", 0, adaptertest.Event))
			if first.Status != c.status {
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

// swallowing acts like a crash reporter that does not re-panic.
func swallowing(c *gin.Context) {
	defer func() { _ = recover() }()
	c.Next()
}

// early sends an early 103 in gin's way.
func early(then gin.HandlerFunc) gin.HandlerFunc {
	return func(c *gin.Context) {
		c.Header("Link", "</style.css>")
		c.Status(http.StatusEarlyHints)
		c.Writer.WriteHeaderNow()
		then(c)
	}
}

func TestEarlyHintsReachTheSender(t *testing.T) {
	t.Parallel()
	k := adaptertest.NewKit(t, core.Config{})
	hints := 0
	trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		if code == http.StatusEarlyHints && h.Get("Link") != "" {
			hints++
		}
		return nil
	}}
	req := k.Request(t, adaptertest.Serve(t, mount(ginwh.New(k.Verifier), early(func(c *gin.Context) { c.JSON(201, 1) }))), "msg_1", 0, adaptertest.Event)
	if r := adaptertest.Try(t, req.WithContext(httptrace.WithClientTrace(req.Context(), trace))); r.Status != 201 || hints != 1 {
		t.Errorf("got %d after %d early hints", r.Status, hints)
	}
}

// Under an inner Recovery, newer versions of gin do not respond to http.ErrAbortHandler, older ones
// respond 500: both are failures.
func TestErrAbortHandlerUnderAnInnerRecoveryIsAFailure(t *testing.T) {
	t.Parallel()
	k := adaptertest.NewKit(t, core.Config{})
	adaptertest.Try(t, k.Request(t, adaptertest.Serve(t, mount(ginwh.New(k.Verifier), gin.RecoveryWithWriter(io.Discard), func(*gin.Context) {
		panic(http.ErrAbortHandler)
	})), "msg_1", 0, adaptertest.Event))
	if got := k.Last().Reason; got != core.ErrHandlerFailed {
		t.Errorf("observed %s", got)
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
	from := func(ctx context.Context) core.Message {
		m, _ := core.FromContext(ctx)
		return m
	}
	done := make(chan struct{})
	g := mount(func(c *gin.Context) {
		c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), outerKey{}, "outer"))
		writer := c.Writer
		c.Next()
		check("Message(c) outside, after the handler", ginwh.Message(c))
		if err := c.Request.Context().Err(); err != nil {
			t.Errorf("the middleware outside got a context that ended with the handler: %v", err)
		}
		if c.Writer != writer {
			t.Error("the middleware outside did not get its writer back")
		}
	}, ginwh.New(k.Verifier), func(c *gin.Context) {
		check("Message(c)", ginwh.Message(c))
		check("the request's context", from(c.Request.Context()))
		check("gin's context with ContextWithFallback", from(c))
		if c.Request.Context().Value(outerKey{}) != "outer" {
			t.Error("the context lost a value from outside")
		}
		cp := c.Copy()
		go func() {
			defer close(done)
			check("Message of a copy", ginwh.Message(cp))
			check("the context of a copy", from(cp.Request.Context()))
		}()
		<-done
	}, gin.WrapF(func(_ http.ResponseWriter, r *http.Request) {
		check("net/http behind gin.WrapF", nethttp.Message(r))
	}))
	g.ContextWithFallback = true
	if r := adaptertest.Try(t, k.Request(t, adaptertest.Serve(t, g), "msg_1", 0, adaptertest.Event)); r.Status != 200 {
		t.Error(r)
	}
	var none core.Message
	adaptertest.Try(t, k.Request(t, adaptertest.Serve(t, mount(func(c *gin.Context) { none = ginwh.Message(c) })), "msg_1", 0, adaptertest.Event))
	if none.ID != "" {
		t.Errorf("without the middleware there is a message: %+v", none)
	}
}

func TestRefusalsReachTheSenderAsCoreWroteThem(t *testing.T) {
	t.Parallel()
	k := adaptertest.NewKit(t, core.Config{})
	logged, aborted, ginErrors := 0, false, 0
	target := adaptertest.Serve(t, mount(func(c *gin.Context) {
		c.Header("X-Outer", "kept")
		c.Header("Content-Type", "text/html")
		c.Next()
		logged, aborted, ginErrors = c.Writer.Status(), c.IsAborted(), len(c.Errors)
	}, ginwh.New(k.Verifier), func(*gin.Context) { t.Error("the handler ran") }))
	req := k.Request(t, target, "msg_1", 0, adaptertest.Event)
	req.Body = io.NopCloser(strings.NewReader(strings.ToUpper(adaptertest.Event)))
	r := adaptertest.Try(t, req)
	want := (&core.Error{Reason: core.ErrNoMatch}).Answer()
	if r.Status != want.Status || r.Body != string(want.Body) || r.Header.Get("X-Outer") != "kept" {
		t.Errorf("answered %d %s", r.Status, r.Body)
	}
	for key, values := range want.Header {
		if got := r.Header[key]; strings.Join(got, "|") != strings.Join(values, "|") {
			t.Errorf("%s is %q, want %q", key, got, values)
		}
	}
	// With c.Error, upstream error middlewares would append their own response.
	if logged != want.Status || !aborted || ginErrors != 0 {
		t.Errorf("outside: status %d, aborted %v, %d errors", logged, aborted, ginErrors)
	}
}

func TestDenyIsAskedForRefusalsOnlyAndCannotRunTheHandler(t *testing.T) {
	t.Parallel()
	k := adaptertest.NewKit(t, core.Config{})
	denied, runs := 0, 0
	target := adaptertest.Serve(t, mount(ginwh.New(k.Verifier, ginwh.Deny(func(c *gin.Context, err *core.Error) {
		denied++
		c.Next()
		c.JSON(err.Answer().Status, gin.H{"reason": err.Reason})
	})), func(c *gin.Context) {
		runs++
		c.String(202, "done")
	}))
	for i, c := range []struct {
		age    time.Duration
		status int
		body   string
		denied int
	}{
		{0, 202, "done", 0},
		{-2 * time.Second, 202, "", 0},                     // acknowledged
		{time.Hour, 401, `{"reason":"outside-window"}`, 1}, // refused
	} {
		if r := adaptertest.Try(t, k.Request(t, target, "msg_1", c.age, adaptertest.Event)); r.Status != c.status || r.Body != c.body || denied != c.denied || runs != 1 {
			t.Errorf("attempt %d: %d %q, denied %d times, %d runs", i+1, r.Status, r.Body, denied, runs)
		}
	}
}

func TestADenyFunctionThatWritesNothingRefuses(t *testing.T) {
	t.Parallel()
	adaptertest.TestSilentDeny(t, func(v *core.Verifier) string {
		return adaptertest.Serve(t, mount(ginwh.New(v, ginwh.Deny(func(*gin.Context, *core.Error) {})), func(*gin.Context) { t.Error("the handler ran") }))
	})
}

func TestNewPanicsOnANilVerifier(t *testing.T) {
	t.Parallel()
	defer func() {
		if got := fmt.Sprint(recover()); !strings.Contains(got, "core.New") {
			t.Errorf("panic: %s", got)
		}
	}()
	ginwh.New(nil)
}

// A route without the middleware may handle what another one admitted.
func TestHandleContextHandsAnAdmittedMessageOn(t *testing.T) {
	t.Parallel()
	k := adaptertest.NewKit(t, core.Config{})
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
	url := adaptertest.Serve(t, g)
	if r := adaptertest.Try(t, k.Request(t, url, "msg_1", 0, adaptertest.Event)); r.Status != http.StatusAccepted || fromRequest.ID != "msg_1" || message.ID != "msg_1" {
		t.Errorf("%+v, message %+v, by Message %+v", r, fromRequest, message)
	}
	if r := adaptertest.Try(t, k.Request(t, url, "msg_1", -time.Second, adaptertest.Event)); r.Status != http.StatusAccepted || r.Header.Get(core.RedeliveryHeader) == "" {
		t.Errorf("redelivery: %+v", r)
	}
}
