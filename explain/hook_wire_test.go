package explain_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/gofiber/fiber/v2"
	"github.com/labstack/echo/v4"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/echowh"
	"github.com/hookonce/hookonce/fiberwh"
	"github.com/hookonce/hookonce/ginwh"
	"github.com/hookonce/hookonce/nethttp"
	"github.com/hookonce/hookonce/stores/memstore"
)

// seen collects what one server's hook and handler got.
type seen struct {
	mu     sync.Mutex
	shown  []core.Refused
	bodies []string
}

func (s *seen) show(_ context.Context, r core.Refused) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown = append(s.shown, r)
}

func (s *seen) handle(body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bodies = append(s.bodies, string(body))
}

// takesBody starts a server of each framework, with v before a handler that reads the body.
var takesBody = map[string]func(t *testing.T, v *core.Verifier, s *seen) (address string){
	"nethttp": func(t *testing.T, v *core.Verifier, s *seen) string {
		return listening(t, nethttp.New(v)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			s.handle(body)
		})))
	},
	"gin": func(t *testing.T, v *core.Verifier, s *seen) string {
		g := gin.New()
		g.POST("/hook", ginwh.New(v), func(c *gin.Context) {
			body, _ := io.ReadAll(c.Request.Body)
			s.handle(body)
		})
		return listening(t, g)
	},
	"echo": func(t *testing.T, v *core.Verifier, s *seen) string {
		e := echo.New()
		e.POST("/hook", func(c echo.Context) error {
			body, _ := io.ReadAll(c.Request().Body)
			s.handle(body)
			return c.NoContent(http.StatusOK)
		}, echowh.New(v))
		return listening(t, e)
	},
	"fiber": func(t *testing.T, v *core.Verifier, s *seen) string { return fiberTakesBody(t, v, s, false) },
	"fiber, streaming": func(t *testing.T, v *core.Verifier, s *seen) string {
		return fiberTakesBody(t, v, s, true)
	},
}

func fiberTakesBody(t *testing.T, v *core.Verifier, s *seen, stream bool) string {
	t.Helper()
	app := fiber.New(fiber.Config{DisableStartupMessage: true, StreamRequestBody: stream})
	app.Post("/hook", fiberwh.New(v), func(c *fiber.Ctx) error {
		if in := c.Context().RequestBodyStream(); in != nil {
			body, _ := io.ReadAll(in)
			s.handle(body)
			return nil
		}
		s.handle(bytes.Clone(c.Body()))
		return nil
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = app.Listener(l) }()
	t.Cleanup(func() { _ = app.ShutdownWithTimeout(time.Second) })
	return "http://" + l.Addr().String()
}

const (
	shownMaxBody = 64 << 10
	stale        = "Webhook-Id: msg_1\r\nWebhook-Timestamp: 1\r\nWebhook-Signature: v1,x\r\n"
)

// What a hook makes a server read is bounded, and is shown completely or not at all. The connection
// stays usable for the next request, or is closed.
func TestTheHookOnTheWire(t *testing.T) {
	t.Parallel()
	gin.SetMode(gin.ReleaseMode)
	small, large := `{"a":1}`, strings.Repeat("x", shownMaxBody+5000)
	chunked := func(body string) string {
		return fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	}
	sized := func(body string) string { return "Content-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body }
	for name, c := range map[string]struct {
		sent string // behind the headers of the message
		body string
		ends bool // the sender's side
	}{
		"no body":                   {sized(""), "", false},
		"a body":                    {sized(small), small, false},
		"chunks":                    {chunked(small), small, false},
		"a body at the limit":       {sized(large[5000:]), large[5000:], false},
		"a body that is too large":  {sized(large), large, false},
		"chunks that are too large": {chunked(large), large, false},
		"expect":                    {"Expect: 100-continue\r\n" + sized(small), small, false},
		"a body that ends":          {"Content-Length: 100\r\n\r\n" + small, "", true},
		"chunks that end":           {"Transfer-Encoding: chunked\r\n\r\n5\r\nab", "", true},
		"a body that stays":         {"Content-Length: 100\r\n\r\n" + small, "", false},
	} {
		for framework, serve := range takesBody {
			for _, reportOnly := range []bool{false, true} {
				if reportOnly && c.body == "" && name != "no body" {
					continue // the handler's business: BodyTimeout does not apply
				}
				t.Run(fmt.Sprintf("%s, %s, report only %v", name, framework, reportOnly), func(t *testing.T) {
					t.Parallel()
					s := new(seen)
					v := core.Must(core.New(core.Secrets(standardSecret), memstore.New(), &core.Config{
						DangerouslyShowRefused: s.show, DangerouslyReportOnly: reportOnly, MaxBody: shownMaxBody, BodyTimeout: 5 * time.Second,
					}))
					url := serve(t, v, s)
					if strings.HasPrefix(framework, "fiber") && (c.ends || name == "a body that stays") {
						t.Skip("fiber waits for a body of this length before any middleware runs, and answers this itself")
					}
					conn := dialed(t, url)
					defer conn.Close()
					in := bufio.NewReader(conn)
					go func() {
						_, _ = io.WriteString(conn, "POST /hook HTTP/1.1\r\nHost: a\r\n"+stale+c.sent)
						if tcp, ok := conn.(*net.TCPConn); ok && c.ends {
							_ = tcp.CloseWrite()
						}
					}()
					want := http.StatusUnauthorized
					if reportOnly {
						want = http.StatusOK
					}
					resp := answer(t, in)
					if resp.StatusCode != want {
						t.Errorf("status %d, want %d", resp.StatusCode, want)
					}
					s.check(t, c.body, c.sent, reportOnly)
					if resp.Close || c.ends {
						return
					}
					// The connection stays open. The server must take what is sent next for a
					// request, not for the rest of a body.
					_, _ = io.WriteString(conn, "POST /hook HTTP/1.1\r\nHost: a\r\n"+stale+sized("next"))
					if resp := answer(t, in); resp.StatusCode != want {
						t.Errorf("the next request on the connection got status %d", resp.StatusCode)
					}
				})
			}
		}
	}
}

func dialed(t *testing.T, url string) net.Conn {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return conn
}

// answer reads one final response.
func answer(t *testing.T, in *bufio.Reader) *http.Response {
	t.Helper()
	for {
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusContinue {
			return resp
		}
	}
}

func (s *seen) check(t *testing.T, body, sent string, reportOnly bool) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.shown) != 1 || s.shown[0].Err.Reason != core.ErrOutsideWindow {
		t.Fatalf("shown %d times: %v", len(s.shown), s.shown)
	}
	got := string(s.shown[0].Request.Body)
	// fiberwh promises the handler the complete body of a stream; see its documentation.
	unbounded := reportOnly && got == body
	if len(got) > shownMaxBody+1 && !unbounded || !strings.Contains(sent, got) || len(body) <= shownMaxBody && body != "" && got != body {
		t.Errorf("the hook got a body of %d bytes, want %d", len(got), len(body))
	}
	if reportOnly != (len(s.bodies) == 1) || reportOnly && s.bodies[0] != body {
		t.Errorf("the handler ran %d times and got %.40q, want %.40q", len(s.bodies), s.bodies, body)
	}
}

// HTTP/2 has streams: refusing one must not disturb the others.
func TestTheHookOverHTTP2(t *testing.T) {
	t.Parallel()
	s := new(seen)
	v := core.Must(core.New(core.Secrets(standardSecret), memstore.New(), &core.Config{DangerouslyShowRefused: s.show, MaxBody: shownMaxBody}))
	server := httptest.NewUnstartedServer(nethttp.New(v)(http.NotFoundHandler()))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	for i, body := range []string{"", "{}", strings.Repeat("x", shownMaxBody+1), strings.Repeat("x", 4<<20), "{}"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, io.MultiReader(strings.NewReader(body)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = http.Header{"Webhook-Id": {"msg_1"}, "Webhook-Timestamp": {"1"}, "Webhook-Signature": {"v1,x"}}
		resp, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(i, err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusUnauthorized || resp.ProtoMajor != 2 {
			t.Errorf("%d: %d over %s", i, resp.StatusCode, resp.Proto)
		}
		s.mu.Lock()
		if len(s.shown) != i+1 || len(s.shown[i].Request.Body) > shownMaxBody+1 {
			t.Errorf("%d: shown %d times", i, len(s.shown))
		}
		s.mu.Unlock()
	}
}
