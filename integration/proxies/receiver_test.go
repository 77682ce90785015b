package proxies_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
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

// The headers by which a request is found again. They are signed by nobody.
const (
	caseHeader   = "X-Case"
	senderHeader = "X-Sender"
)

// arrival is what became of a request at the receiver.
type arrival struct {
	method, target string
	header         http.Header
	body           []byte
	handled        bool
	reason         core.Reason
	found          explain.Explanation
}

// receiver runs both frameworks with all schemes, and takes down what arrives.
type receiver struct {
	mu       sync.Mutex
	arrivals map[string]*arrival // by case
	addrs    map[string]string   // by framework
}

// startReceiver starts the receiver. address gives a scheme the public address of its endpoint; empty: none.
func startReceiver(t *testing.T, senders []sender, address string) *receiver {
	t.Helper()
	r := &receiver{arrivals: make(map[string]*arrival), addrs: make(map[string]string)}
	plain, fibers := make(map[string]http.Handler), make(map[string]fiber.Handler)
	for _, s := range senders {
		scheme, err := s.scheme(address)
		if err != nil {
			t.Fatal(err)
		}
		keys := core.Secrets(s.secret)
		c := &core.Config{Scheme: scheme, DangerouslyReplayableAfterRestart: true}
		c.DangerouslyShowRefused = func(ctx context.Context, refused core.Refused) {
			e := explain.Request(ctx, refused, nil)
			r.note(refused.Request.Header.Get(caseHeader), func(a *arrival) { a.reason, a.found = refused.Err.Reason, e })
		}
		v, err := core.New(keys, memstore.New(), c)
		if err != nil {
			t.Fatal(err)
		}
		plain[s.name] = nethttp.New(v)(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
			r.note(q.Header.Get(caseHeader), func(a *arrival) { a.handled = true })
		}))
		fibers[s.name] = fiberwh.New(v)
	}

	ln := listen(t)
	srv := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		h := plain[q.Header.Get(senderHeader)]
		if h == nil {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		a := &arrival{method: q.Method, target: q.RequestURI, header: q.Header.Clone()}
		tap := &tapped{ReadCloser: q.Body}
		q.Body = tap
		r.put(q.Header.Get(caseHeader), a)
		h.ServeHTTP(w, q)
		r.note(q.Header.Get(caseHeader), func(a *arrival) { a.body = tap.seen })
	})}
	go func() { _ = srv.Serve(ln) }()
	t.Cleanup(func() { _ = srv.Close() })
	r.addrs["net/http"] = ln.Addr().String()

	app := fiber.New(fiber.Config{DisableStartupMessage: true, BodyLimit: 8 << 20, ReadTimeout: 10 * time.Second, DisablePreParseMultipartForm: true})
	app.Use(func(c *fiber.Ctx) error {
		h := fibers[c.Get(senderHeader)]
		if h == nil {
			return c.SendStatus(http.StatusTeapot)
		}
		header := make(http.Header)
		c.Request().Header.VisitAll(func(k, v []byte) { header.Add(string(k), string(v)) })
		r.put(c.Get(caseHeader), &arrival{method: c.Method(), target: c.OriginalURL(), header: header, body: append([]byte(nil), c.Request().Body()...)})
		return h(c)
	}, func(c *fiber.Ctx) error {
		r.note(c.Get(caseHeader), func(a *arrival) { a.handled = true })
		return c.SendStatus(http.StatusOK)
	})
	fln := listen(t)
	go func() { _ = app.Listener(fiberwh.Listener(app, fln)) }()
	t.Cleanup(func() { _ = app.ShutdownWithTimeout(time.Second) })
	r.addrs["fiber"] = fln.Addr().String()
	return r
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// tapped remembers what was read.
type tapped struct {
	io.ReadCloser

	seen []byte
}

func (b *tapped) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.seen = append(b.seen, p[:n]...)
	return n, err
}

func (r *receiver) put(id string, a *arrival) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.arrivals[id] == nil { // the first of several
		r.arrivals[id] = a
	}
}

func (r *receiver) note(id string, change func(*arrival)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a := r.arrivals[id]; a != nil {
		change(a)
	}
}

// take returns what arrived for a case, or nil.
func (r *receiver) take(id int) *arrival {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := r.arrivals[strconv.Itoa(id)]
	delete(r.arrivals, strconv.Itoa(id))
	return a
}
