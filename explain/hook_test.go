package explain_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/gofiber/fiber/v2"
	"github.com/labstack/echo/v4"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/echowh"
	"github.com/hookonce/hookonce/explain"
	"github.com/hookonce/hookonce/fiberwh"
	"github.com/hookonce/hookonce/ginwh"
	"github.com/hookonce/hookonce/nethttp"
	"github.com/hookonce/hookonce/stores/memstore"
)

// running starts a server of each framework with v before a handler.
var running = map[string]func(t *testing.T, v *core.Verifier) (url string){
	"nethttp": func(t *testing.T, v *core.Verifier) string {
		return listening(t, nethttp.New(v)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	},
	"gin": func(t *testing.T, v *core.Verifier) string {
		g := gin.New()
		g.POST("/hook", ginwh.New(v), func(*gin.Context) {})
		return listening(t, g)
	},
	"echo": func(t *testing.T, v *core.Verifier) string {
		e := echo.New()
		e.POST("/hook", func(c echo.Context) error { return c.NoContent(http.StatusOK) }, echowh.New(v))
		return listening(t, e)
	},
	"fiber": func(t *testing.T, v *core.Verifier) string {
		app := fiber.New(fiber.Config{DisableStartupMessage: true})
		app.Post("/hook", fiberwh.New(v), func(*fiber.Ctx) error { return nil })
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() { _ = app.Listener(l) }()
		t.Cleanup(func() { _ = app.ShutdownWithTimeout(time.Second) })
		return "http://" + l.Addr().String()
	},
}

func listening(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// logged collects a log to which several requests write at once.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func TestHookNamesTheMistakeInTheLogOfEachFramework(t *testing.T) {
	t.Parallel()
	gin.SetMode(gin.ReleaseMode)
	for name, serve := range running {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keys, log := core.Secrets(standardSecret), new(logged)
			v := core.Must(core.New(keys, memstore.New(), &core.Config{
				DangerouslyShowRefused: explain.Hook(slog.New(slog.NewTextHandler(log, nil)), nil),
			}))
			url := serve(t, v)
			for _, sent := range []struct {
				what, secret, body, arrives, logs string
				at                                time.Duration
				status                            int
			}{
				{"a genuine message", standardSecret, `{"a":1}`, `{"a":1}`, "", 0, 200},
				{"a body that was formatted", standardSecret, `{"a":1}`, `{ "a": 1 }`, "body-reformatted (proven)", 0, 401},
				{"an hour late, refused by its headers alone", standardSecret, `{"a":1}`, `{"a":1}`, "timestamp-past (proven)", -time.Hour, 401},
				{"another secret", otherSecret, `{"a":1}`, `{"a":1}`, "unknown: ", 0, 401},
			} {
				before := len(log.String())
				post(t, url+"/hook", sent.secret, sent.body, sent.arrives, sent.at, sent.status)
				got := log.String()[before:]
				if sent.logs == "" && got != "" || !strings.Contains(got, sent.logs) || strings.Count(got, "\n") > 1 {
					t.Errorf("%s is logged as %q, want %q", sent.what, got, sent.logs)
				}
				for _, secret := range []string{standardSecret, otherSecret, sent.arrives} {
					if strings.Contains(got, secret) {
						t.Errorf("%s: the log holds a secret or the body: %s", sent.what, got)
					}
				}
			}
		})
	}
}

// post signs body with secret, and sends arrives instead of it.
func post(t *testing.T, url, secret, body, arrives string, at time.Duration, status int) {
	t.Helper()
	signer, err := core.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(arrives))
	if err != nil {
		t.Fatal(err)
	}
	if err := signer.Sign(r.Header, core.NewID(), time.Now().Add(at), []byte(body)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != status {
		t.Errorf("status %d, want %d", resp.StatusCode, status)
	}
}

// Flooding a development server gives refusals, not a queue of searches.
func TestHookExplainsFourAtOnce(t *testing.T) {
	t.Parallel()
	inside, leave := make(chan struct{}, 8), make(chan struct{})
	keys := core.KeySourceFunc(func(context.Context, *core.Request) (string, *core.Keys, error) {
		inside <- struct{}{}
		<-leave
		return "tenant", core.Secrets(standardSecret), nil
	})
	log := new(logged)
	hook := explain.Hook(slog.New(slog.NewTextHandler(log, nil)), nil)
	refused := core.Refused{
		Verifier: core.Must(core.New(keys, memstore.New(), nil)), Request: &core.Request{Header: http.Header{}}, Err: &core.Error{Reason: core.ErrMissingHeader},
	}
	var busy sync.WaitGroup
	for range 4 {
		busy.Go(func() { hook(t.Context(), refused) })
	}
	for range 4 {
		<-inside
	}
	hook(t.Context(), refused)
	if got := log.String(); !strings.Contains(got, "too many refusals at once") || strings.Count(got, "\n") != 1 {
		t.Errorf("the fifth is logged as %q", got)
	}
	close(leave)
	busy.Wait()
	if got := strings.Count(log.String(), "header-missing"); got != 4 {
		t.Errorf("%d explanations, want 4: %s", got, log)
	}
}

func TestHookFindsTheKeyOfAnotherTenant(t *testing.T) {
	t.Parallel()
	log := new(logged)
	others := map[string]*core.Keys{"staging": core.Secrets(otherSecret)}
	v := core.Must(core.New(core.Secrets(standardSecret), memstore.New(), &core.Config{
		DangerouslyShowRefused: explain.Hook(slog.New(slog.NewTextHandler(log, nil)), others),
	}))
	post(t, running["nethttp"](t, v)+"/hook", otherSecret, "{}", "{}", 0, http.StatusUnauthorized)
	if got := log.String(); !strings.Contains(got, "other-key (proven)") || !strings.Contains(got, "staging") {
		t.Errorf("logged %q", got)
	}
}
