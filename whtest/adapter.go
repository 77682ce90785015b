package whtest

import (
	"context"
	"fmt"
	"mime/multipart"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
)

// Adapter is the subject of [TestAdapter]: a framework, and how to mount an
// adapter in it.
type Adapter struct {
	// Serve starts a server on 127.0.0.1:0, stops it with t.Cleanup, and
	// returns "http://host:port". POST requests to every path go through the
	// adapter to m.Handler. Each call starts a separate server.
	Serve func(t testing.TB, m AdapterMount) (baseURL string)
	// ServerReadsBody: the server reads the body before any middleware runs, so
	// the server's limits and timeouts apply first (fiber). Cases about early
	// refusals and slow or broken bodies are skipped.
	ServerReadsBody bool
	// HandlerErrors: handlers report failure by returning an error, which is
	// rendered upstream of the adapter. The handlers of Serve then return the
	// error of m.Handler. Otherwise m.Handler always returns nil.
	HandlerErrors bool
	// SilenceIs200: a handler that writes nothing responds 200, and the adapter
	// cannot distinguish that from a 200 that the handler set (fiber).
	SilenceIs200 bool
	// Hijacks: a handler can take over the connection, and AdapterCall.Hijack
	// is set.
	Hijacks bool
	// EarlyHints: a handler can send an informational response, and
	// AdapterCall.EarlyHints is set.
	EarlyHints bool
	// TemporaryFiles: a multipart form may be parsed into files, and
	// AdapterCall.Form is set.
	TemporaryFiles bool
	// Dispatches: a handler can make the framework route its request again.
	// Serve does so if AdapterMount.DispatchAgain is set.
	Dispatches bool
	// PanicEndsProcess: without a recover middleware a panic ends the process
	// (fiber). Cases that panic without such a middleware are skipped.
	PanicEndsProcess bool
}

// AdapterMount describes how an adapter is mounted for one case.
type AdapterMount struct {
	Verifier *core.Verifier
	// Handler runs downstream of the adapter.
	Handler func(*AdapterCall) error
	// Deny asks for the adapter's Deny option. Its function responds with
	// status 418 and "denied: " followed by the reason.
	Deny bool
	// RecoverInside asks for the framework's usual recover middleware between
	// the adapter and the handler. That middleware responds 500 to a panic.
	// RecoverOutside asks for it upstream of the adapter.
	RecoverInside, RecoverOutside bool
	// Twice asks for the adapter to be mounted twice, as can happen in the
	// framework: on a group and on one of its routes. Both are upstream of the
	// handler. The inner adapter has no Deny.
	Twice bool
	// DispatchAgain asks for a second route, POST /again, to the adapter and
	// m.Handler. The handler of the other routes makes the framework route the
	// request there.
	DispatchAgain bool
	// ErrorsAsSuccess asks for an error handler that renders every error as
	// status 200, upstream of the adapter. Only with HandlerErrors.
	ErrorsAsSuccess bool
	// BodyLimit asks for a limit on the body, in bytes, upstream of the
	// adapter: http.MaxBytesHandler, or the framework's own. Zero: none. Not
	// used with ServerReadsBody.
	BodyLimit int64
	// Timeout asks for the framework's usual timeout middleware upstream of the
	// adapter. The middleware ends the request's context, and responds if the
	// handler has not. Zero: none.
	Timeout time.Duration
	// Log asks for a logging middleware upstream of the adapter. The middleware
	// calls Log with the status that it sees after the adapter has returned.
	// Nil: none.
	Log func(status int)
}

// AdapterCall is one call to a handler, in terms that all frameworks share.
type AdapterCall struct {
	// Context is the request's context, in which FromContext must find the
	// message.
	Context context.Context //nolint:containedctx // a parameter of the handler
	// Contexts holds the other contexts that the framework gives to handlers,
	// by name, such as the framework's own if that is a context too.
	// FromContext must find the message in each.
	Contexts map[string]context.Context
	// Message is the result of the adapter's own Message function.
	Message core.Message
	// Bodies holds the ways in which the framework returns the raw body, by
	// name. Each must return the same bytes. A case uses one of them, or tries
	// them in the order of their names until one returns a body.
	Bodies map[string]func() ([]byte, error)
	// Status responds with a status and no body. Write starts or continues the
	// response with p. Flush sends what was written.
	Status func(status int)
	Write  func(p []byte)
	Flush  func()
	// EarlyHints sends status 103 as handlers of the framework do. Nil without
	// Adapter.EarlyHints.
	EarlyHints func()
	// Form parses a multipart form, with at most one byte of it in memory. Nil
	// without TemporaryFiles. If handlers of the framework can replace the
	// request in their context, Form first replaces it with a copy.
	Form func() (*multipart.Form, error)
	// Hijack takes over the connection, responds "HTTP/1.1 200 OK" with no body
	// and "Connection: close", and closes it. Nil without Hijacks.
	Hijack func() error
}

// TestAdapter checks, over real HTTP on loopback, that an adapter does what
// [core.Verifier] relies on and what the documentation promises. Each subtest
// says what a failure means.
//
//nolint:tparallel // whether the subtests run beside others is the caller's to say
func TestAdapter(t *testing.T, a Adapter) {
	t.Helper()
	for _, c := range adapterCases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if why := c.skip(a); why != "" {
				t.Skip(why)
			}
			t.Cleanup(func() {
				if t.Failed() {
					t.Log("what this means:", c.why)
				}
			})
			c.run(&adapterRun{TB: t, adapter: a, patience: 5 * time.Second})
		})
	}
}

// adapterCase is one promise.
type adapterCase struct {
	name, why string
	// What the case needs from the framework.
	streams, errors, hijacks, early, files, dispatches, barePanic bool

	run func(*adapterRun)
}

func (c *adapterCase) skip(a Adapter) string {
	switch {
	case c.streams && a.ServerReadsBody:
		return "the server reads the body before any middleware"
	case c.errors && !a.HandlerErrors:
		return "handlers of this framework do not return errors"
	case c.hijacks && !a.Hijacks:
		return "handlers of this framework cannot hijack"
	case c.early && !a.EarlyHints:
		return "handlers of this framework cannot send informational responses"
	case c.files && !a.TemporaryFiles:
		return "this framework parses forms in memory, or removes their temporary files itself"
	case c.dispatches && !a.Dispatches:
		return "handlers of this framework cannot have a request dispatched again"
	case c.barePanic && a.PanicEndsProcess:
		return "without recover middleware, a panic ends the process"
	}
	return ""
}

// fails runs one case and returns its complaints, for the suite's own test.
func (c *adapterCase) fails(tb testing.TB, a Adapter) []string {
	tb.Helper()
	return (&adapterRun{TB: tb, adapter: a, patience: 500 * time.Millisecond}).complaints(c.run)
}

// suiteStore is a SeenStore that counts calls, fails on request and never
// expires a record: a case ends long before a record would expire.
type suiteStore struct {
	mu      sync.Mutex
	records map[core.Key]core.Value
	swaps   int
	down    error
}

// Swap implements core.SeenStore.
func (s *suiteStore) Swap(ctx context.Context, key core.Key, old, next core.Value, _ time.Duration) (core.Value, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.swaps++
	if s.down != nil {
		return core.Value{}, s.down
	}
	if err := ctx.Err(); err != nil {
		return core.Value{}, err
	}
	if s.records == nil {
		s.records = make(map[core.Key]core.Value)
	}
	if s.records[key] == old {
		s.records[key] = next
	}
	return s.records[key], nil
}

func (s *suiteStore) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = err
}

// visits returns how many times the store was called.
func (s *suiteStore) visits() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.swaps
}

// states counts the records in each state.
func (s *suiteStore) states() map[core.State]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := make(map[core.State]int)
	for _, v := range s.records {
		n[v.State()]++
	}
	return n
}

// complaints is a testing.TB that collects failures instead of failing.
type complaints struct {
	testing.TB

	mu      sync.Mutex
	said    []string
	cleanup []func()
}

// complaints runs a check and returns its failures.
func (t *adapterRun) complaints(check func(*adapterRun)) []string {
	t.Helper()
	rec := &complaints{TB: t.TB}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer rec.clean()
		check(&adapterRun{TB: rec, adapter: t.adapter, patience: t.patience})
	}()
	<-done
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return rec.said
}

// patiently runs a check in which something must happen within a time. A busy
// machine may not manage that in a short time. So only a check that fails with
// t.patience has failed.
func (t *adapterRun) patiently(short time.Duration, check func(t *adapterRun, d time.Duration)) {
	t.Helper()
	if len(t.complaints(func(t *adapterRun) { check(t, short) })) > 0 {
		check(t, max(short, t.patience))
	}
}

func (c *complaints) say(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.said = append(c.said, text)
}

func (c *complaints) clean() {
	for _, f := range slices.Backward(c.cleanup) {
		f()
	}
}

// Cleanup implements testing.TB.
func (c *complaints) Cleanup(f func()) { c.cleanup = append(c.cleanup, f) }

// Helper implements testing.TB.
func (c *complaints) Helper() {}

// Failed implements testing.TB.
func (c *complaints) Failed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.said) > 0
}

// Errorf implements testing.TB.
func (c *complaints) Errorf(format string, args ...any) { c.say(fmt.Sprintf(format, args...)) }

// Fatalf implements testing.TB.
func (c *complaints) Fatalf(format string, args ...any) {
	c.say(fmt.Sprintf(format, args...))
	runtime.Goexit()
}

// isSuccess reports whether a status commits a message.
func isSuccess(status int) bool {
	return status >= http.StatusOK && status < http.StatusMultipleChoices
}
