package fiberwh_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/fiberwh"
	"github.com/hookonce/hookonce/stores/memstore"
)

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// kit is a verifier, its observed events, and its sender.
type kit struct {
	*core.Verifier
	signer *core.Signer

	mu     sync.Mutex
	events []core.Event
}

func newKit(tb testing.TB, cfg core.Config) *kit {
	tb.Helper()
	k := new(kit)
	cfg.Observe = func(_ context.Context, e core.Event) {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.events = append(k.events, e)
	}
	var err error
	if k.Verifier, err = core.New(core.Secrets(secret), memstore.New(), &cfg); err != nil {
		tb.Fatal(err)
	}
	if k.signer, err = core.NewSigner(secret); err != nil {
		tb.Fatal(err)
	}
	return k
}

// last is the newest event.
func (k *kit) last() core.Event {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.events) == 0 {
		return core.Event{}
	}
	return k.events[len(k.events)-1]
}

// request is a signed attempt of this age.
func (k *kit) request(tb testing.TB, url, id string, age time.Duration, body string) *http.Request {
	tb.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if err := k.signer.Sign(req.Header, id, time.Now().Add(-age), []byte(body)); err != nil {
		tb.Fatal(err)
	}
	return req
}

// head is the signed headers of a raw request, without those of the length of the body.
func (k *kit) head(tb testing.TB, id, body string) string {
	tb.Helper()
	var b bytes.Buffer
	b.WriteString("POST /hook HTTP/1.1\r\nHost: a\r\n")
	h := http.Header{"Content-Type": {"application/json"}}
	if err := k.signer.Sign(h, id, time.Now(), []byte(body)); err != nil {
		tb.Fatal(err)
	}
	if err := h.Write(&b); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

// listen is a listener on a loopback address.
func listen(tb testing.TB) net.Listener {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	return ln
}

// serveListener runs app as the documentation says.
func serveListener(tb testing.TB, app *fiber.App) string {
	tb.Helper()
	ln := listen(tb)
	serving := fiberwh.Listener(app, ln)
	app.Handler() // builds the routes, as app.Listener does, which also prints a banner
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = app.Server().Serve(serving)
	}()
	tb.Cleanup(func() {
		_ = app.Shutdown()
		<-done
	})
	return "http://" + ln.Addr().String() + "/hook"
}

// serve runs app on a loopback address without our listener.
func serve(tb testing.TB, app *fiber.App) string {
	tb.Helper()
	return serveOn(tb, app, listen(tb))
}

func serveOn(tb testing.TB, app *fiber.App, ln net.Listener) string {
	tb.Helper()
	cfg := app.Config()
	s := &fasthttp.Server{ // app.Listener prints a banner and would fork under Prefork; these are the fields that count here
		Handler: app.Handler(), StreamRequestBody: cfg.StreamRequestBody, MaxRequestBodySize: cfg.BodyLimit, ReadTimeout: cfg.ReadTimeout,
		DisablePreParseMultipartForm: cfg.DisablePreParseMultipartForm, DisableHeaderNamesNormalizing: cfg.DisableHeaderNormalizing,
		ErrorHandler: app.Server().ErrorHandler, Logger: quiet{},
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(ln)
	}()
	tb.Cleanup(func() {
		_ = s.Shutdown()
		<-done
	})
	return "http://" + ln.Addr().String() + "/hook"
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}

// reply is the response that the sender got.
type reply struct {
	status int
	header http.Header
	body   string
	closed bool
}

func do(tb testing.TB, req *http.Request) reply {
	tb.Helper()
	client := &http.Client{
		Transport:     &http.Transport{DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       10 * time.Second,
	}
	defer client.CloseIdleConnections()
	res, err := client.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return reply{status: res.StatusCode, header: res.Header, body: string(b), closed: res.Close}
}
