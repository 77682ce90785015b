package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/gofiber/fiber/v2"
	"github.com/labstack/echo/v4"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/echowh"
	"github.com/hookonce/hookonce/fiberwh"
	"github.com/hookonce/hookonce/ginwh"
	"github.com/hookonce/hookonce/nethttp"
	"github.com/hookonce/hookonce/schemes"
	"github.com/hookonce/hookonce/stores/memstore"
)

// server is one framework with two verifiers, each with its own store.
type server struct {
	framework string
	verifier  *core.Verifier
	github    *core.Verifier  // for the endpoint that is registered with GitHub
	events    chan core.Event // the observed events
	url       string          // without a path
	client    *http.Client

	runs  atomic.Int64  // of the handler
	fails atomic.Int64  // of the flaky event
	gate  chan struct{} // blocks the slow event's handler
}

// start starts the four servers. stop stops them.
func start(ctx context.Context, k keys) (servers []*server, stop func(), err error) {
	var stops []func()
	stop = func() {
		for _, s := range stops {
			s()
		}
	}
	for _, framework := range []struct {
		name  string
		serve func(*server, net.Listener) func()
	}{
		{"nethttp", serveNetHTTP},
		{"gin", serveGin},
		{"echo", serveEcho},
		{"fiber", serveFiber},
	} {
		s := &server{
			framework: framework.name, events: make(chan core.Event, 64), gate: make(chan struct{}, 1),
			client: &http.Client{Transport: &http.Transport{ExpectContinueTimeout: 5 * time.Second}},
		}
		observe := func(_ context.Context, e core.Event) { s.events <- e }
		// Each server has its own *Keys, which keep the keys decoded for one verifier.
		acme := core.Secrets(k.next, k.old, k.public)
		globex := core.Secrets(k.globex)
		s.verifier, err = core.New(core.KeySourceFunc(func(_ context.Context, r *core.Request) (string, *core.Keys, error) {
			switch r.Path() {
			case acmeHook, acmeMail: // a deliberate mistake for the table: each endpoint needs its own source
				return "acme", acme, nil
			case "/hooks/globex":
				return "globex", globex, nil
			default:
				return "", nil, core.ErrUnknownSource
			}
		}), memstore.New(), &core.Config{Observe: observe})
		if err != nil {
			stop()
			return nil, nil, err
		}
		s.github, err = core.New(core.Secrets(k.github).From("acme"), memstore.New(), &core.Config{
			Scheme: schemes.GitHub(), Observe: observe,
			// Equal bytes may be two events, or one event that an attacker captured. The default is
			// 16. A small bound keeps the table short.
			Repeats: 2,
			// GitHub signs no time, so only the store recognizes a replay, and this store loses its
			// records at restart. This program ends before that matters. In production use a
			// durable store.
			DangerouslyReplayableAfterRestart: true,
		})
		if err != nil {
			stop()
			return nil, nil, err
		}
		ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			stop()
			return nil, nil, err
		}
		s.url = "http://" + ln.Addr().String()
		stops = append(stops, framework.serve(s, ln))
		servers = append(servers, s)
	}
	return servers, stop, nil
}

func serveNetHTTP(s *server, ln net.Listener) func() {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(s.handle(nethttp.Message(r)))
	})
	mux := http.NewServeMux()
	mux.Handle("POST /hooks/{tenant}", nethttp.New(s.verifier)(handler))
	mux.Handle("POST "+githubHook, nethttp.New(s.github)(handler))
	return serveHTTP(mux, ln)
}

func serveGin(s *server, ln net.Listener) func() {
	gin.SetMode(gin.ReleaseMode)
	handler := func(c *gin.Context) {
		c.Status(s.handle(ginwh.Message(c)))
	}
	router := gin.New()
	router.POST("/hooks/:tenant", ginwh.New(s.verifier), handler)
	router.POST(githubHook, ginwh.New(s.github), handler)
	return serveHTTP(router, ln)
}

func serveEcho(s *server, ln net.Listener) func() {
	handler := func(c echo.Context) error {
		return c.NoContent(s.handle(echowh.Message(c)))
	}
	e := echo.New()
	e.POST("/hooks/:tenant", handler, echowh.New(s.verifier))
	e.POST(githubHook, handler, echowh.New(s.github))
	return serveHTTP(e, ln)
}

func serveHTTP(h http.Handler, ln net.Listener) func() {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = srv.Serve(ln) }()
	return func() { _ = srv.Close() }
}

func serveFiber(s *server, ln net.Listener) func() {
	handler := func(c *fiber.Ctx) error {
		return c.SendStatus(s.handle(fiberwh.Message(c)))
	}
	app := fiber.New(fiber.Config{
		ReadTimeout:           10 * time.Second,
		BodyLimit:             2 << 20, // fiber responds to larger bodies; core's limit of 1 MiB is reached first
		DisableStartupMessage: true,
	})
	app.Post("/hooks/:tenant", fiberwh.New(s.verifier), handler)
	app.Post(githubHook, fiberwh.New(s.github), handler)
	serving := fiberwh.Listener(app, ln)
	go func() { _ = app.Listener(serving) }()
	return func() { _ = app.ShutdownWithTimeout(time.Second) }
}

// handle is the application's handler. It runs once for each message and
// returns the response status.
func (s *server) handle(m core.Message) int {
	s.runs.Add(1)
	var event struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(m.Body, &event) != nil || m.Source != "acme" {
		return http.StatusInternalServerError
	}
	switch event.Type {
	case "example.flaky":
		if s.fails.Add(1) == 1 {
			return http.StatusInternalServerError
		}
	case "example.slow":
		<-s.gate
	}
	return http.StatusOK
}

// result is a cell of the table: status and verdict, and the observer's words
// for anything but "handled".
type result struct{ text, why string }

// try sends the case, and waits for all responses and for the observed event of
// each attempt.
func (s *server) try(ctx context.Context, c testCase) result {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	copies, runs := max(c.copies, 1), s.runs.Load()
	answers := make(chan answer, copies)
	for range copies {
		go func() { answers <- s.send(ctx, c) }()
	}

	answered, observed := make(map[int]int), make(map[int]int) // the number of responses by status
	for i := range copies {
		if copies > 1 && i == copies-1 {
			s.gate <- struct{}{} // all attempts but the one whose handler waits have a response
		}
		a := <-answers
		if a.err != nil {
			return result{text: a.err.Error()}
		}
		answered[a.status]++
	}
	var (
		r     result
		ran   int64
		texts = make(map[string]int) // the number of events by verdict
	)
	for range copies {
		select {
		case e := <-s.events:
			observed[e.Status]++
			texts[fmt.Sprint(e.Status, " ", e.Reason)]++
			if e.Err != nil {
				r.why = strings.TrimPrefix(e.Err.Error(), "hookonce: ")
			}
			if e.Outcome != "" {
				ran++
			}
		case <-ctx.Done():
			return result{text: fmt.Sprint("answered ", answered, ", but the observer was told nothing")}
		}
	}
	r.text = join(texts)
	if !maps.Equal(answered, observed) {
		r.text = fmt.Sprint("answered ", answered, ", observed ", r.text)
	}
	if got := s.runs.Load() - runs; got != ran {
		r.text += fmt.Sprintf(", and the handler ran %d times", got)
	}
	return r
}

// join returns "200 handled", or "1×200, 19×503 in-flight" for several texts,
// which fits into a column.
func join(texts map[string]int) string {
	var parts []string
	for _, text := range slices.Sorted(maps.Keys(texts)) {
		if len(texts) == 1 && texts[text] == 1 {
			return text
		}
		parts = append(parts, fmt.Sprintf("%d×%s", texts[text], strings.TrimSuffix(text, " handled")))
	}
	return strings.Join(parts, ", ")
}

type answer struct {
	status int
	err    error
}

// send makes one attempt.
func (s *server) send(ctx context.Context, c testCase) answer {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+cmp.Or(c.path, acmeHook), strings.NewReader(c.body))
	if err != nil {
		return answer{err: err}
	}
	req.Header.Set("Content-Type", "application/json")
	if err := c.sign(req.Header); err != nil {
		return answer{err: err}
	}
	if c.change != nil {
		c.change(req)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return answer{err: err}
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return answer{resp.StatusCode, errors.Join(err, resp.Body.Close())}
}

// sign adds the headers of Standard Webhooks.
func (c *testCase) sign(h http.Header) error {
	if c.secret == "" {
		return nil
	}
	signer, err := core.NewSigner(c.secret)
	if err != nil {
		return err
	}
	return signer.Sign(h, c.id, c.at, []byte(c.body))
}
