package fiberwh_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/fiberwh"
	"github.com/hookonce/hookonce/internal/adaptertest"
	"github.com/hookonce/hookonce/stores/memstore"
)

// TestEveryWayToReadTheBody runs each in a buffering server and in a streaming one.
func TestEveryWayToReadTheBody(t *testing.T) {
	t.Parallel()
	form := url.Values{"type": {"invoice.paid"}}.Encode()
	multi, multiType := adaptertest.Multipart(t)
	type payload struct {
		Type string `form:"type" json:"type" xml:"type"`
	}
	parse := func(c *fiber.Ctx) (string, error) {
		var p payload
		err := c.BodyParser(&p)
		return p.Type, err
	}
	cases := []struct {
		name, contentType, body string
		read                    func(c *fiber.Ctx) (string, error)
	}{
		{"Body", "text/plain", "invoice.paid", func(c *fiber.Ctx) (string, error) { return string(c.Body()), nil }},
		{"BodyRaw", "text/plain", "invoice.paid", func(c *fiber.Ctx) (string, error) { return string(c.BodyRaw()), nil }},
		{"Request().Body", "text/plain", "invoice.paid", func(c *fiber.Ctx) (string, error) { return string(c.Request().Body()), nil }},
		{"BodyParser of JSON", "application/json", adaptertest.Event, parse},
		{"BodyParser twice", "application/json", adaptertest.Event, func(c *fiber.Ctx) (string, error) {
			_, err := parse(c)
			if err != nil {
				return "", err
			}
			return parse(c)
		}},
		{"BodyParser of XML", "application/xml", "<e><type>invoice.paid</type></e>", parse},
		{"BodyParser of a form", fiber.MIMEApplicationForm, form, parse},
		{"BodyParser of multipart", multiType, multi, parse},
		{"FormValue of a form", fiber.MIMEApplicationForm, form, func(c *fiber.Ctx) (string, error) { return c.FormValue("type"), nil }},
		{"FormValue of multipart", multiType, multi, func(c *fiber.Ctx) (string, error) { return c.FormValue("type"), nil }},
		{"MultipartForm", multiType, multi, func(c *fiber.Ctx) (string, error) {
			f, err := c.MultipartForm()
			if err != nil {
				return "", err
			}
			return f.Value["type"][0], nil
		}},
		{"FormFile", multiType, multi, func(c *fiber.Ctx) (string, error) {
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
		{"json.Decoder behind adaptor.HTTPHandler", "application/json", adaptertest.Event, func(c *fiber.Ctx) (string, error) {
			var p payload
			var err error
			e := adaptor.HTTPHandlerFunc(func(_ http.ResponseWriter, r *http.Request) { err = json.NewDecoder(r.Body).Decode(&p) })(c)
			return p.Type, errors.Join(err, e)
		}},
		{"Message().Body", "text/plain", "invoice.paid", func(c *fiber.Ctx) (string, error) { return string(fiberwh.Message(c).Body), nil }},
		{"an empty body", "text/plain", "", func(c *fiber.Ctx) (string, error) { return "invoice.paid" + string(c.Body()), nil }},
	}
	for _, streaming := range []bool{false, true} {
		for _, chunked := range []bool{false, true} {
			for _, c := range cases {
				t.Run(fmt.Sprintf("%s, streaming %v, chunked %v", c.name, streaming, chunked), func(t *testing.T) {
					t.Parallel()
					k := adaptertest.NewKit(t, core.Config{})
					app := fiber.New(fiber.Config{StreamRequestBody: streaming, DisablePreParseMultipartForm: true})
					app.Post("/hook", fiberwh.New(k.Verifier), func(ctx *fiber.Ctx) error {
						got, err := c.read(ctx)
						if err != nil {
							return err
						}
						return ctx.SendString(got)
					})
					req := k.Request(t, serve(t, app), "msg_1", 0, c.body)
					req.Header.Set("Content-Type", c.contentType)
					if chunked {
						req.ContentLength = -1
					}
					if r := adaptertest.Do(t, req); r.Status != 200 || r.Body != "invoice.paid" {
						t.Errorf("got %d %q (%v), want invoice.paid", r.Status, r.Body, k.Last().Err)
					}
				})
			}
		}
	}
}

func TestTheSignatureIsCheckedOverTheBytesOfTheWire(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	_, _ = zip.Write([]byte(adaptertest.Event))
	_ = zip.Close()

	for name, encoding := range map[string]struct{ header, body, want string }{
		"compressed JSON is verified compressed and parsed decompressed":   {"gzip", packed.String(), "invoice.paid"},
		"a body that only claims to be compressed is still the signed one": {"gzip", adaptertest.Event, "gzip: invalid header"},
		"an unknown encoding is no business of ours":                       {"zebra", adaptertest.Event, "invoice.paid"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := adaptertest.NewKit(t, core.Config{})
			app := fiber.New()
			app.Post("/hook", fiberwh.New(k.Verifier), func(c *fiber.Ctx) error {
				if got := string(fiberwh.Message(c).Body); got != encoding.body {
					t.Errorf("Message().Body is %q", got)
				}
				if got := string(c.BodyRaw()); got != encoding.body {
					t.Errorf("BodyRaw is %q", got)
				}
				var p struct{ Type string }
				if err := c.BodyParser(&p); err != nil {
					return c.Send(c.Body())
				}
				return c.SendString(p.Type)
			})
			req := k.Request(t, serve(t, app), "msg_1", 0, encoding.body)
			req.Header.Set("Content-Encoding", encoding.header)
			if r := adaptertest.Do(t, req); r.Status != 200 || r.Body != encoding.want {
				t.Errorf("got %d %q, want %q", r.Status, r.Body, encoding.want)
			}
		})
	}
}

func TestTheMessageIsFoundInEveryContext(t *testing.T) {
	t.Parallel()
	type outerKey struct{}
	k := adaptertest.NewKit(t, core.Config{})
	app := fiber.New()
	var after context.Context
	var afterMessage core.Message
	app.Use(func(c *fiber.Ctx) error {
		c.SetUserContext(context.WithValue(context.Background(), outerKey{}, "outer"))
		err := c.Next()
		after, afterMessage = c.UserContext(), fiberwh.Message(c)
		return err
	})
	check := func(where string, m core.Message) {
		if m.ID != "msg_1" || string(m.Body) != adaptertest.Event || m.KeyID != "key-1" {
			t.Errorf("%s: %+v", where, m)
		}
	}
	from := func(ctx context.Context) core.Message {
		m, _ := core.FromContext(ctx)
		return m
	}
	app.Post("/hook", fiberwh.New(k.Verifier), func(c *fiber.Ctx) error {
		check("Message(c)", fiberwh.Message(c))
		check("UserContext", from(c.UserContext()))
		check("Context", from(c.Context()))
		if c.UserContext().Value(outerKey{}) != "outer" {
			t.Error("UserContext lost a value from outside")
		}
		if d, ok := c.UserContext().Deadline(); !ok || time.Until(d) > time.Minute {
			t.Error("UserContext does not end before the claim")
		}
		return adaptor.HTTPHandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			check("adaptor.HTTPHandler", from(r.Context()))
		})(c)
	})
	if r := adaptertest.Do(t, k.Request(t, serve(t, app), "msg_1", 0, adaptertest.Event)); r.Status != 200 {
		t.Fatal(r)
	}
	if after.Err() != nil || after.Value(outerKey{}) != "outer" {
		t.Errorf("the middleware outside got a context that ended with the handler: %v", after.Err())
	}
	check("Message(c) outside, after the handler", afterMessage)
}

func TestWithoutTheMiddlewareThereIsNoMessage(t *testing.T) {
	t.Parallel()
	app := fiber.New()
	app.Post("/hook", func(c *fiber.Ctx) error {
		if m := fiberwh.Message(c); m.ID != "" {
			t.Errorf("%+v", m)
		}
		return nil
	})
	res, err := app.Test(newRequest(t, http.MethodPost, "/hook", nil))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
}

func newRequest(tb testing.TB, method, target string, body io.Reader) *http.Request {
	tb.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, target, body)
	if err != nil {
		tb.Fatal(err)
	}
	r.Host = "example.com" // newer versions of fasthttp require one
	return r
}

// Two requests on one connection share fasthttp's memory.
func TestWhatIsKeptStaysAsItWas(t *testing.T) {
	t.Parallel()
	for _, streaming := range []bool{false, true} {
		t.Run(fmt.Sprintf("streaming %v", streaming), func(t *testing.T) {
			t.Parallel()
			k := adaptertest.NewKit(t, core.Config{})
			var messages []core.Message
			var sources []*core.Request
			v, err := core.New(core.KeySourceFunc(func(_ context.Context, r *core.Request) (string, *core.Keys, error) {
				sources = append(sources, &core.Request{Method: r.Method, URL: r.URL, Header: r.Header})
				return "acme", core.Secrets(adaptertest.Secret), nil
			}), memstore.New(), &core.Config{Observe: k.Observe})
			if err != nil {
				t.Fatal(err)
			}
			app := fiber.New(fiber.Config{StreamRequestBody: streaming})
			app.Post("/:name", fiberwh.New(v), func(c *fiber.Ctx) error {
				messages = append(messages, fiberwh.Message(c))
				return nil
			})
			conn := adaptertest.Dial(t, serve(t, app))
			replies := bufio.NewReader(conn)
			names := []string{"AAAAAAAA", "BBBBBBBB", "CCCCCCCC"}
			for _, name := range names {
				body := `{"name":"` + name + `"}`
				head := strings.Replace(k.Head(t, "evt_"+name, body), "/hook", "/"+name, 1)
				fmt.Fprintf(conn, "%sX-Name: %s\r\nX-Name: 2\r\nContent-Length: %d\r\n\r\n%s", head, name, len(body), body)
				if r := adaptertest.Read(t, replies); r.Status != 200 {
					t.Fatalf("%s: %d %s", name, r.Status, r.Body)
				}
			}
			for i, name := range names {
				m, r, e := messages[i], sources[i], k.Events()[i]
				if m.ID != "evt_"+name || string(m.Body) != `{"name":"`+name+`"}` {
					t.Errorf("message %d became %s %s", i, m.ID, m.Body)
				}
				if r.Method != "POST" || r.URL != "/"+name || strings.Join(r.Header.Values("X-Name"), " ") != name+" 2" || len(r.Header.Values("Host")) > 0 {
					t.Errorf("request %d became %+v", i, r)
				}
				if e.MessageID != "evt_"+name || e.Path != "/"+name || e.Method != "POST" {
					t.Errorf("event %d became %+v", i, e)
				}
			}
		})
	}
}

// TestOutcome sends a message twice, the second time as a newer attempt: the handler must run again
// if and only if the first attempt counted as failed. swallowing acts like a crash reporter that
// does not re-panic.
func swallowing(c *fiber.Ctx) error {
	defer func() { _ = recover() }()
	return c.Next()
}

func TestOutcome(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name    string
		outside []fiber.Handler
		inside  []fiber.Handler
		handler fiber.Handler
		status  int
		handled bool
	}{
		{name: "204", handler: func(c *fiber.Ctx) error { return c.SendStatus(204) }, status: 204, handled: true},
		{name: "302", handler: func(c *fiber.Ctx) error { return c.Redirect("/") }, status: 302},
		{name: "a returned fiber.Error", handler: func(*fiber.Ctx) error { return fiber.ErrTeapot }, status: 418},
		{name: "an error that something inside renders", inside: []fiber.Handler{func(c *fiber.Ctx) error {
			return c.App().ErrorHandler(c, c.Next())
		}}, handler: func(*fiber.Ctx) error { return fiber.ErrTeapot }, status: 418},
		{name: "no handler after us", handler: func(c *fiber.Ctx) error { return c.Next() }, status: 404},
		{name: "a panic that something outside swallows, where fiber alone would answer 200", outside: []fiber.Handler{swallowing}, handler: func(c *fiber.Ctx) error {
			panic("no")
		}, status: 500},
		{name: "a panic after 202 that something outside swallows", outside: []fiber.Handler{swallowing}, handler: func(c *fiber.Ctx) error {
			_ = c.SendStatus(202)
			panic("no")
		}, status: 500},
		{name: "a panic after 422 that something outside swallows", outside: []fiber.Handler{swallowing}, handler: func(c *fiber.Ctx) error {
			_ = c.SendStatus(422)
			panic("no")
		}, status: 422},
		{name: "fasthttp's TimeoutError, beside which the status stays 200", handler: func(c *fiber.Ctx) error {
			c.Context().TimeoutError("too late")
			return nil
		}, status: 408},
		{name: "net/http behind adaptor.HTTPHandler", handler: adaptor.HTTPHandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(503)
		}), status: 503},
		{name: "a stream writer runs after us", handler: func(c *fiber.Ctx) error {
			c.Context().SetBodyStreamWriter(func(w *bufio.Writer) { _, _ = w.WriteString("streamed") })
			return nil
		}, status: 200, handled: true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k := adaptertest.NewKit(t, core.Config{})
			var runs atomic.Int32
			app := fiber.New()
			for _, h := range c.outside {
				app.Use(h)
			}
			handlers := append([]fiber.Handler{fiberwh.New(k.Verifier)}, c.inside...)
			app.Post("/hook", append(handlers, func(ctx *fiber.Ctx) error {
				runs.Add(1)
				return c.handler(ctx)
			})...)
			target := serve(t, app)
			if r := adaptertest.Do(t, k.Request(t, target, "msg_1", 0, adaptertest.Event)); r.Status != c.status {
				t.Errorf("the first attempt was answered %d %s, want %d", r.Status, r.Body, c.status)
			}
			want := core.Handled
			if !c.handled {
				want = core.ErrHandlerFailed
			}
			if got := k.Last().Reason; got != want {
				t.Errorf("observed %s, want %s", got, want)
			}
			r := adaptertest.Do(t, k.Request(t, target, "msg_1", -2*time.Second, adaptertest.Event))
			switch {
			case c.handled && (runs.Load() != 1 || r.Status != c.status || r.Header.Get(core.RedeliveryHeader) != "acknowledged" || r.Body != ""):
				t.Errorf("handled, but the next attempt was answered %d %q after %d runs", r.Status, r.Body, runs.Load())
			case !c.handled && runs.Load() != 2:
				t.Errorf("failed, but the next attempt did not run: %d %s", r.Status, r.Body)
			}
		})
	}
}

func TestAHijackIsNoSuccess(t *testing.T) {
	t.Parallel()
	k := adaptertest.NewKit(t, core.Config{})
	app := fiber.New()
	app.Post("/hook", fiberwh.New(k.Verifier), func(c *fiber.Ctx) error {
		c.Context().Hijack(func(conn net.Conn) { conn.Close() })
		return nil
	})
	conn := adaptertest.Dial(t, serve(t, app))
	fmt.Fprintf(conn, "%sContent-Length: %d\r\n\r\n%s", k.Head(t, "msg_1", adaptertest.Event), len(adaptertest.Event), adaptertest.Event)
	_, _ = io.ReadAll(conn)
	if got := k.Last().Reason; got != core.ErrHandlerFailed {
		t.Errorf("observed %s", got)
	}
}

func TestRefusalsReachTheSenderAsCoreWroteThem(t *testing.T) {
	t.Parallel()
	k := adaptertest.NewKit(t, core.Config{})
	logged := 0
	app := fiber.New(fiber.Config{ErrorHandler: func(c *fiber.Ctx, _ error) error { return c.Status(599).SendString("mine") }})
	app.Use(func(c *fiber.Ctx) error {
		c.Set("X-Outer", "kept")
		err := c.Next()
		logged = c.Response().StatusCode()
		return err
	})
	app.Post("/hook", fiberwh.New(k.Verifier), func(*fiber.Ctx) error {
		t.Error("the handler ran")
		return nil
	})
	target := serve(t, app)
	req := k.Request(t, target, "msg_1", 0, adaptertest.Event)
	req.Body = io.NopCloser(strings.NewReader(strings.ToUpper(adaptertest.Event)))
	r := adaptertest.Do(t, req)
	want := (&core.Error{Reason: core.ErrNoMatch}).Answer()
	if r.Status != want.Status || r.Body != string(want.Body) || logged != want.Status || r.Header.Get("X-Outer") != "kept" {
		t.Errorf("answered %d %s, logged %d", r.Status, r.Body, logged)
	}
	for key, values := range want.Header {
		if got := r.Header[key]; strings.Join(got, "|") != strings.Join(values, "|") {
			t.Errorf("%s is %q, want %q", key, got, values)
		}
	}
}

func TestDenyIsAskedForRefusalsOnly(t *testing.T) {
	t.Parallel()
	k := adaptertest.NewKit(t, core.Config{})
	denied := 0
	app := fiber.New(fiber.Config{ErrorHandler: func(c *fiber.Ctx, err error) error {
		return c.Status(http.StatusTeapot).SendString("ErrorHandler: " + err.Error())
	}})
	app.Post("/hook", fiberwh.New(k.Verifier, fiberwh.Deny(func(_ *fiber.Ctx, err *core.Error) error {
		denied++
		return fiber.NewError(err.Answer().Status, string(err.Reason))
	})), func(c *fiber.Ctx) error { return c.SendStatus(202) })
	target := serve(t, app)
	for i, c := range []struct {
		age    time.Duration
		status int
		body   string
		denied int
	}{
		{0, 202, "Accepted", 0},
		{-2 * time.Second, 202, "", 0},                      // acknowledged
		{time.Hour, 418, "ErrorHandler: outside-window", 1}, // refused
	} {
		if r := adaptertest.Do(t, k.Request(t, target, "msg_1", c.age, adaptertest.Event)); r.Status != c.status || r.Body != c.body || denied != c.denied {
			t.Errorf("attempt %d: %d %q, denied %d times", i+1, r.Status, r.Body, denied)
		}
	}
}

func TestMultipartNeedsItsBytes(t *testing.T) {
	t.Parallel()
	body, contentType := adaptertest.Multipart(t)
	for _, c := range []struct {
		name   string
		config fiber.Config
		status int
	}{
		{"the default configuration is named as the mistake", fiber.Config{}, 500},
		{"a streaming server parses as well", fiber.Config{StreamRequestBody: true}, 500},
		{"with the option it works", fiber.Config{DisablePreParseMultipartForm: true}, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k := adaptertest.NewKit(t, core.Config{})
			app := fiber.New(c.config)
			app.Post("/hook", fiberwh.New(k.Verifier), func(*fiber.Ctx) error { return nil })
			req := k.Request(t, serve(t, app), "msg_1", 0, body)
			req.Header.Set("Content-Type", contentType)
			r := adaptertest.Do(t, req)
			if r.Status != c.status {
				t.Errorf("got %d %s", r.Status, r.Body)
			}
			if err := k.Last().Err; c.status == 500 && (!errors.Is(err, core.ErrBodyConsumed) ||
				!strings.Contains(err.Error(), "DisablePreParseMultipartForm")) {
				t.Errorf("observed %v", err)
			}
		})
	}
}

func TestABodyChangedBeforeUsIsNoWrongSignature(t *testing.T) {
	t.Parallel()
	k := adaptertest.NewKit(t, core.Config{})
	app := fiber.New()
	app.Use(func(c *fiber.Ctx) error {
		c.Request().SetBodyString("decompressed, say")
		return c.Next()
	})
	app.Post("/hook", fiberwh.New(k.Verifier), func(*fiber.Ctx) error { return nil })
	r := adaptertest.Do(t, k.Request(t, serve(t, app), "msg_1", 0, adaptertest.Event))
	if r.Status != 500 || k.Last().Reason != core.ErrBodyConsumed {
		t.Errorf("got %d, observed %v", r.Status, k.Last().Err)
	}
}

func TestPreforkNeedsAStoreThatIsShared(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		store  core.SeenStore
		status int
	}{
		"a store in each child is refused": {memstore.New(), 500},
		"a shared store is fine":           {shared{memstore.New()}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := adaptertest.NewKit(t, core.Config{})
			var seen error
			v, err := core.New(core.Secrets(adaptertest.Secret), c.store, &core.Config{Observe: func(_ context.Context, e core.Event) { seen = e.Err }})
			if err != nil {
				t.Fatal(err)
			}
			app := fiber.New(fiber.Config{Prefork: true})
			app.Post("/hook", fiberwh.New(v), func(*fiber.Ctx) error { return nil })
			if r := adaptertest.Do(t, k.Request(t, serve(t, app), "msg_1", 0, adaptertest.Event)); r.Status != c.status {
				t.Errorf("got %d %s", r.Status, r.Body)
			}
			if c.status == 500 && (!errors.Is(seen, core.ErrMisconfigured) || !strings.Contains(seen.Error(), "Prefork")) {
				t.Errorf("observed %v", seen)
			}
		})
	}
}

// shared hides that the store forgets, so that it passes for a shared one.
type shared struct{ core.SeenStore }

func TestHeaderLines(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		config fiber.Config
		change func(head string) string
		status int
	}{
		{"a repeated id is refused", fiber.Config{}, func(h string) string { return h + "Webhook-Id: msg_2\r\n" }, 400},
		{"repeated signature lines are one list, in order", fiber.Config{}, func(h string) string {
			return strings.Replace(h, "Webhook-Signature: ", "Webhook-Signature: v1,AAAA\r\nwebhook-signature: ", 1)
		}, 200},
		{"DisableHeaderNormalizing", fiber.Config{DisableHeaderNormalizing: true}, func(h string) string {
			return strings.NewReplacer("Webhook-Id", "webhook-id", "Webhook-S", "webhook-S", "Webhook-T", "WEBHOOK-T").Replace(h)
		}, 200},
		{"DisableHeaderNormalizing does not hide a repeated id in another case", fiber.Config{DisableHeaderNormalizing: true}, func(h string) string {
			return h + "webhook-id: msg_2\r\n"
		}, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k := adaptertest.NewKit(t, core.Config{})
			app := fiber.New(c.config)
			app.Post("/hook", fiberwh.New(k.Verifier), func(*fiber.Ctx) error { return nil })
			conn := adaptertest.Dial(t, serve(t, app))
			fmt.Fprintf(conn, "%sContent-Length: %d\r\n\r\n%s", c.change(k.Head(t, "msg_1", adaptertest.Event)), len(adaptertest.Event), adaptertest.Event)
			if r := adaptertest.Read(t, bufio.NewReader(conn)); r.Status != c.status {
				t.Errorf("got %d %s: %v", r.Status, r.Body, k.Last().Err)
			}
		})
	}
}

func TestADenyFunctionThatWritesNothingRefuses(t *testing.T) {
	t.Parallel()
	adaptertest.TestSilentDeny(t, func(v *core.Verifier) string {
		app := fiber.New()
		app.Post("/hook", fiberwh.New(v, fiberwh.Deny(func(*fiber.Ctx, *core.Error) error { return nil })), func(*fiber.Ctx) error {
			t.Error("the handler ran")
			return nil
		})
		return serve(t, app)
	})
}

func TestNewPanicsOnANilVerifier(t *testing.T) {
	t.Parallel()
	defer func() {
		if got := fmt.Sprint(recover()); !strings.Contains(got, "core.New") {
			t.Errorf("panic: %s", got)
		}
	}()
	fiberwh.New(nil)
}
