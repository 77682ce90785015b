package proxies_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/explain"
	"github.com/hookonce/hookonce/fiberwh"
	"github.com/hookonce/hookonce/nethttp"
	"github.com/hookonce/hookonce/stores/memstore"
)

// caseHeader is the header by which a request is found again. Nobody signs it.
const caseHeader = "X-Case"

// arrival is a request that arrived whole, and what became of it.
type arrival struct {
	method, target string
	header         http.Header
	body           []byte

	ended   bool
	handled bool
	reason  core.Reason         // of a refusal
	found   explain.Explanation // why
}

// receiver is hookonce in one framework, and notes what arrives.
type receiver struct {
	addr    string
	handler http.Handler // what listens there: this,
	app     *fiber.App   // or this

	mu       sync.Mutex
	expected map[string]*core.Verifier // by case
	arrivals map[string]*arrival       // by case
}

// framework starts a receiver.
type framework func(t *testing.T) *receiver

// frameworks are the two of the matrix: what one does, the other must do too.
func frameworks() []framework { return []framework{startNetHTTP, startFiber} }

func newReceiver() *receiver {
	return &receiver{expected: make(map[string]*core.Verifier), arrivals: make(map[string]*arrival)}
}

// expect prepares for a case. Each has a verifier and a store of its own, so no
// message is taken for the redelivery of another one.
func (r *receiver) expect(id, secret string, scheme core.Scheme) error {
	v, err := core.New(core.Secrets(secret), memstore.New(), &core.Config{
		Scheme: scheme, MaxBody: 4 << 20, DangerouslyReplayableAfterRestart: true, DangerouslyShowRefused: r.explain,
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expected[id] = v
	return err
}

// verifier is that of a case. Nil: nothing sent it, so it is a proxy's own request.
func (r *receiver) verifier(id string) *core.Verifier {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.expected[id]
}

func (r *receiver) explain(ctx context.Context, refused core.Refused) {
	e := explain.Request(ctx, refused, nil)
	r.note(refused.Request.Header.Get(caseHeader), func(a *arrival) { a.reason, a.found = refused.Err.Reason, e })
}

func startNetHTTP(t *testing.T) *receiver {
	t.Helper()
	r := newReceiver()
	ln := listen(t)
	r.handler = r.netHTTP()
	srv := &http.Server{ReadHeaderTimeout: patience, Handler: r.handler}
	go func() { _ = srv.Serve(ln) }()
	t.Cleanup(func() { _ = srv.Close() })
	r.addr = ln.Addr().String()
	return r
}

func (r *receiver) netHTTP() http.Handler {
	handle := http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) { r.handle(q.Header.Get(caseHeader)) })
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		v := r.verifier(q.Header.Get(caseHeader))
		if v == nil {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		body, err := io.ReadAll(q.Body)
		if err != nil {
			return // it was cut, and its sender is gone
		}
		defer r.put(q.Header.Get(caseHeader), &arrival{method: q.Method, target: q.RequestURI, header: q.Header.Clone(), body: body})()
		q.Body = io.NopCloser(bytes.NewReader(body))
		nethttp.New(v)(handle).ServeHTTP(w, q)
	})
}

func startFiber(t *testing.T) *receiver {
	t.Helper()
	r := newReceiver()
	r.app = r.fiber()
	ln := listen(t)
	go func() { _ = r.app.Listener(fiberwh.Listener(r.app, ln)) }()
	t.Cleanup(func() { _ = r.app.ShutdownWithTimeout(time.Second) })
	r.addr = ln.Addr().String()
	return r
}

func (r *receiver) fiber() *fiber.App {
	app := fiber.New(fiber.Config{DisableStartupMessage: true, BodyLimit: 8 << 20, ReadBufferSize: 64 << 10, ReadTimeout: patience, DisablePreParseMultipartForm: true})
	app.Use(func(c *fiber.Ctx) error {
		v := r.verifier(c.Get(caseHeader))
		if v == nil {
			return c.SendStatus(http.StatusTeapot)
		}
		header := make(http.Header)
		c.Request().Header.VisitAll(func(k, v []byte) { header.Add(string(k), string(v)) })
		defer r.put(string(c.Request().Header.Peek(caseHeader)), &arrival{
			method: string(c.Request().Header.Method()), target: string(c.Request().Header.RequestURI()), header: header,
			body: bytes.Clone(c.Request().Body()),
		})()
		return fiberwh.New(v)(c)
	}, func(c *fiber.Ctx) error {
		r.handle(c.Get(caseHeader))
		return c.SendStatus(http.StatusOK)
	})
	return app
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

func (r *receiver) handle(id string) { r.note(id, func(a *arrival) { a.handled = true }) }

// put notes the first arrival of a case, and returns what its end calls.
func (r *receiver) put(id string, a *arrival) func() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.arrivals[id] != nil {
		return func() {}
	}
	r.arrivals[id] = a
	return func() { r.note(id, func(a *arrival) { a.ended = true }) }
}

func (r *receiver) note(id string, change func(*arrival)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a := r.arrivals[id]; a != nil {
		change(a)
	}
}

// take returns what arrived for a case when it has ended, or nil if nothing
// arrives within wait.
func (r *receiver) take(t *testing.T, id string, wait time.Duration) *arrival {
	t.Helper()
	for began := time.Now(); ; time.Sleep(time.Millisecond) {
		r.mu.Lock()
		a := r.arrivals[id]
		ended := a != nil && a.ended
		r.mu.Unlock()
		switch since := time.Since(began); {
		case ended:
			r.mu.Lock()
			delete(r.arrivals, id)
			delete(r.expected, id)
			r.mu.Unlock()
			return a
		case a == nil && since > wait:
			return nil
		case since > patience:
			t.Fatalf("case %s arrived and does not end", id)
		}
	}
}
