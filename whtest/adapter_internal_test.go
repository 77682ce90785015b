package whtest

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log"
	"maps"
	"mime/multipart"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/adapter"
	"github.com/hookonce/hookonce/core"
)

// TestAdapterSuiteCatchesBrokenAdapters runs the suite against adapters with one mistake each. The
// named case must complain, or the suite is useless.
func TestAdapterSuiteCatchesBrokenAdapters(t *testing.T) {
	t.Parallel()
	for _, b := range []struct {
		broken, caughtBy string
		fault            fault
	}{
		{"has no mistake", "", fault{}},
		{"does not restore the body", "every way of reading gives the signed bytes", fault{noRestore: true}},
		{"restores a body without GetBody", "every way of reading gives the signed bytes", fault{noGetBody: true}},
		{"never settles", "a message that was handled is acknowledged with its first status", fault{noSettle: true}},
		{"settles before the handler", "500 releases", fault{settleFirst: true}},
		{"commits whatever the status", "404 releases", fault{commitAll: true}},
		{"commits redirects", "302 releases", fault{commitRedirects: true}},
		{"commits on a panic", "a panic releases", fault{commitPanics: true}},
		{"loses the claim of a panic", "a panic recovered outside releases", fault{forgetPanics: true}},
		{"recovers panics", "panics propagate", fault{recovers: true}},
		{"commits a hijack", "a hijack releases", fault{commitHijacks: true}},
		{"releases what wrote nothing", "a handler that writes nothing commits", fault{releaseSilent: true}},
		{"does not write the status of a late handler", "the response to a handler that ran out of time agrees with its record", fault{implicit200: true}},
		{"takes a 200 that something inside wrote", "the response to a handler that ran out of time agrees with its record", fault{inside200: true}},
		{"does not put the delivery into another context", "a genuine message reaches the handler whole", fault{otherContext: true}},
		{"does not bound another context", "the handler's context ends before the claim", fault{otherContext: true}},
		{"keeps the request's context", "a genuine message reaches the handler whole", fault{ownContext: true}},
		{"lets a disconnect end the handler", "the sender's disconnect does not end the handler", fault{cancelled: true}},
		{"bounds the handler by nothing", "the handler's context ends before the claim", fault{unbounded: true}},
		{"has statuses of its own", "all inauthentic requests get the same response", fault{ownStatus: true}},
		{"writes the headers of a refusal in any order", "the headers of a refusal have a fixed order", fault{anyOrder: true}},
		{"swallows Retry-After", "an outage is 503 and nothing is let through", fault{noRetryAfter: true}},
		{"writes no body", "malformed headers are refused", fault{noProblem: true}},
		{"runs the handler on refusal", "all inauthentic requests get the same response", fault{runsAnyway: true}},
		{"lets everything through on an outage", "an outage is 503 and nothing is let through", fault{failOpen: true}},
		{"sends acknowledgements to Deny", "Deny responds to refusals and nothing else", fault{denyAll: true}},
		{"sends challenges to Deny", "a challenge gets the scheme's response", fault{denyAll: true}},
		{"refuses redeliveries", "a message that was handled is acknowledged with its first status", fault{refuseRedelivery: true}},
		{"ignores the limit", "the size limit is exact", fault{noLimit: true}},
		{"cuts off at the limit", "the size limit is exact", fault{cutsOff: true}},
		{"ignores the time limit", "a slow body is refused", fault{noLimit: true}},
		{"takes a broken body for complete", "a body that breaks off is malformed", fault{noLimit: true}},
		{"resets the connection of a refused body", "the sender of a body that is too large reads the refusal", fault{resets: true}},
		{"waits for the rest of a refused body", "a refusal does not wait for the rest of the body", fault{drains: true}},
		{"sees only the first of repeated headers", "malformed headers are refused", fault{firstHeader: true}},
		{"joins lines of signatures wrongly", "all lines of a repeated signature header count", fault{firstHeader: true}},
		{"does not pass on the path", "a tenant's key verifies nothing of another tenant", fault{noPath: true}},
		{"reuses the memory of the last request", "what a handler keeps does not change", fault{reuses: true}},
		{"refuses in report-only mode", "report-only lets everything through", fault{refuseInReport: true}},
		{"does not pass on where a request goes", "a refused request can be shown with its body", fault{noPath: true}},
		{"drops headers that it does not know", "equal bytes under other delivery ids or topics are other messages", fault{drops: "Plain-Topic"}},
		{"drops delivery ids", "a retry with a new time is recognized by its delivery id", fault{drops: "Plain-Delivery"}},
		{"drops delivery ids", "invalid unsigned ids are malformed", fault{drops: "Plain-Delivery"}},
		{"drops empty headers", "invalid unsigned ids are malformed", fault{dropsEmpty: true}},
		{"sees only the first delivery id", "invalid unsigned ids are malformed", fault{firstHeader: true}},
		{"sees only the first of two lines", "header lines are found by name, in any case", fault{firstHeader: true}},
		{"does not see an empty line", "header lines are found by name, in any case", fault{dropsEmpty: true}},
		{"refuses retries under a delivery id", "equal bytes under other delivery ids or topics are other messages", fault{refuseRedelivery: true}},
		{"runs the handler past the bound", "rewriting unsigned ids gives a bounded number of runs", fault{failOpen: true}},
		{"acknowledges past the bound", "rewriting unsigned ids gives a bounded number of runs", fault{acknowledges: true}},
		{"runs equal bytes twice", "with no repeats allowed, equal bytes run once", fault{failOpen: true}},
		{"acknowledges equal bytes", "with no repeats allowed, equal bytes run once", fault{acknowledges: true}},
		{"does not settle a delivery id", "a failed handler's message runs again under its delivery id", fault{noSettle: true}},
		{"commits failures under a delivery id", "a failed handler's message runs again under its delivery id", fault{commitAll: true}},
		{"runs a captured attempt", "a captured attempt does not run under another delivery id", fault{failOpen: true}},
		{"acknowledges a captured attempt", "a captured attempt does not run under another delivery id", fault{acknowledges: true}},
		{"acknowledges an id with another content", "a signed id with another content is not acknowledged", fault{acknowledges: true}},
		{"runs an id with another content", "a signed id with another content is not acknowledged", fault{failOpen: true}},
		{"does not distinguish paths", "a message that is delivered to two endpoints is not acknowledged at the second", fault{noPath: true}},
		{"does not distinguish queries", "a message that is delivered to two endpoints is not acknowledged at the second", fault{noQuery: true}},
		{"does not distinguish hosts", "a message that is delivered to two endpoints is not acknowledged at the second", fault{noHost: true}},
		{"acknowledges at another endpoint", "a message that is delivered to two endpoints is not acknowledged at the second", fault{acknowledges: true}},
		{"hides the first mount from the second", "mounted twice it passes through, or reports that at the first request", fault{ownContext: true}},
		{"lets the refusal of the second mount commit", "mounted twice it passes through, or reports that at the first request", fault{acknowledges: true}},
		{"acknowledges a message that needs a response", "a response that the sender needs is never an empty acknowledgement", fault{acknowledges: true}},
		{"does not claim", "twenty attempts at once run once", fault{noClaim: true}},
		{"runs the handler twice", "of 10 000 concurrent attempts at 100 messages each is handled exactly once", fault{twice: true}},
		{"ignores returned errors", "an error of the handler releases", fault{ignoresErrors: true}},
		{"believes a written 200 more than an error", "an error after a written 200 releases", fault{believesWritten: true}},
		{"renders errors itself and looks at the status", "an error that is rendered as 200 releases", fault{rendersErrors: true}},
		{"takes 103 for the response", "103 and then a status is recorded as that status", fault{takesEarly: true}},
		{"takes 103 for a success", "103 and then nothing commits", fault{takesEarly: true}},
		{"takes 103 for the response of an error", "103 and then an error releases", fault{earlyStays: true}},
		{"sends 200 for a panic after 103", "103 and then a panic releases", fault{earlyStays: true}},
		{"sends 200 for a late handler after 103", "103 and no time left is recorded as it is responded to", fault{earlyStays: true}},
		{"commits what wrote nothing in time", "a timeout outside agrees with what is recorded", fault{silent200: true}},
		{"does not let a timeout outside reach the handler", "a timeout outside agrees with what is recorded", fault{unbounded: true}},
		{"takes a body cut off outside for complete", "a limit outside is too large", fault{noLimit: true}},
		{"responds past the middleware outside", "loggers outside see the status that is sent", fault{past: true}},
		{"hides a delivery from a request that is dispatched again", "a dispatched request passes through, or reports that", fault{ownContext: true}},
		{"leaves temporary files", "temporary files of a form are removed", fault{leavesFiles: true}},
		{"loses messages of crashing handlers", "of 10 000 concurrent attempts at 100 messages each is handled exactly once", fault{commitPanics: true}},
	} {
		t.Run(b.broken, func(t *testing.T) {
			t.Parallel()
			found := false
			for _, c := range adapterCases() {
				if b.caughtBy != c.name {
					continue
				}
				found = true
				said := c.fails(t, b.fault.adapter())
				if len(said) == 0 {
					t.Errorf("%q does not notice an adapter that %s", c.name, b.broken)
				} else {
					t.Logf("%s", said[0])
				}
			}
			if b.caughtBy == "" {
				TestAdapter(t, b.fault.adapter())
			} else if !found {
				t.Errorf("there is no case %q", b.caughtBy)
			}
		})
	}
}

// fault is what is wrong with an adapter. The zero value is a correct adapter.
type fault struct {
	noRestore, noGetBody, noSettle, settleFirst, commitAll, commitRedirects, commitPanics, forgetPanics, recovers, commitHijacks      bool
	releaseSilent, implicit200, ownContext, cancelled, unbounded, ownStatus, noRetryAfter, noProblem, runsAnyway, failOpen            bool
	denyAll, refuseRedelivery, noLimit, cutsOff, drains, firstHeader, noPath, noQuery, noHost, reuses, refuseInReport, noClaim, twice bool
	dropsEmpty, acknowledges, anyOrder, resets, ignoresErrors, believesWritten, rendersErrors, takesEarly, earlyStays, silent200      bool
	past, leavesFiles, inside200, otherContext                                                                                        bool

	drops string // a header
}

func (f fault) adapter() Adapter {
	return Adapter{Serve: f.serve, Hijacks: true, HandlerErrors: true, EarlyHints: true, TemporaryFiles: true, Dispatches: true}
}

// handler is a handler of a framework whose handlers return errors.
type handler func(w http.ResponseWriter, r *http.Request) error

func (f fault) serve(tb testing.TB, m AdapterMount) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("listening: %v", err)
	}
	var shared []byte // what reuses has
	inner := handler(func(w http.ResponseWriter, r *http.Request) error { return m.Handler(f.call(w, r, &shared)) })
	if m.RecoverInside {
		inner = recovering(inner)
	}
	if m.DispatchAgain {
		again := f.middleware(m, inner)
		inner = func(w http.ResponseWriter, r *http.Request) error { return again(w, r) }
	}
	h := f.middleware(m, inner)
	if m.Twice {
		h = f.middleware(m, h)
	}
	if m.RecoverOutside {
		h = recovering(h)
	}
	if m.Timeout > 0 {
		h = timingOut(m.Timeout, h)
	}
	s := &http.Server{ErrorLog: log.New(io.Discard, "", 0), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if m.BodyLimit > 0 {
			r.Body = http.MaxBytesReader(w, r.Body, m.BodyLimit)
		}
		res := &response{ResponseWriter: w, earlyStays: f.takesEarly || f.earlyStays}
		if err := h(res, r); err != nil {
			res.render(m, err)
		}
		if m.Log != nil {
			m.Log(cmp.Or(res.status, http.StatusOK))
		}
	})}
	go func() { _ = s.Serve(l) }()
	tb.Cleanup(func() { _ = s.Close() })
	return "http://" + l.Addr().String()
}

// response is the framework's response writer. With earlyStays it takes a 1xx for the response, as
// gin and echo do.
type response struct {
	http.ResponseWriter

	earlyStays bool
	status     int
}

func (res *response) WriteHeader(status int) {
	if res.earlyStays && res.status != 0 {
		return
	}
	if status >= http.StatusOK && res.status == 0 || res.earlyStays {
		res.status = status
	}
	res.ResponseWriter.WriteHeader(status)
}

func (res *response) Write(p []byte) (int, error) {
	res.status = cmp.Or(res.status, http.StatusOK)
	return res.ResponseWriter.Write(p)
}

func (res *response) Unwrap() http.ResponseWriter { return res.ResponseWriter }

// render is the framework's error handler.
func (res *response) render(m AdapterMount, _ error) {
	switch {
	case res.status != 0:
	case m.ErrorsAsSuccess:
		res.WriteHeader(http.StatusOK)
	default:
		res.WriteHeader(http.StatusInternalServerError)
	}
}

func recovering(next handler) handler {
	return func(w http.ResponseWriter, r *http.Request) (err error) {
		defer func() {
			if recover() != nil {
				err = errSuite
			}
		}()
		return next(w, r)
	}
}

func timingOut(timeout time.Duration, next handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		ctx, cancel := context.WithTimeout(r.Context(), timeout)
		defer cancel()
		end := time.Now().Add(timeout)
		err := next(w, r.WithContext(ctx))
		if res, ok := w.(*response); ok && !time.Now().Before(end) && res.status == 0 {
			w.WriteHeader(http.StatusGatewayTimeout)
		}
		return err
	}
}

func (f fault) middleware(m AdapterMount, next handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		r.Header.Del(f.drops)
		if f.dropsEmpty {
			maps.DeleteFunc(r.Header, func(_ string, v []string) bool { return v[0] == "" })
		}
		if f.firstHeader {
			for name := range r.Header {
				r.Header[name] = r.Header[name][:1]
			}
		}
		if f.noPath {
			r.RequestURI = "/a"
		}
		if f.noQuery {
			r.RequestURI, _, _ = strings.Cut(r.RequestURI, "?")
		}
		if f.noHost {
			r.Host = ""
		}
		if f.drains {
			_, _ = io.ReadAll(r.Body) // the time it takes is the mistake; the rest does not come to pass
		}
		if f.noLimit || f.cutsOff {
			body, _ := io.ReadAll(r.Body)
			if f.cutsOff {
				body = body[:min(len(body), 70_000)]
			}
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(string(body))), int64(len(body))
			if f.noLimit && r.ContentLength > 70_000 {
				return next(w, r)
			}
		}
		x := adapter.Begin(m.Verifier, w, r)
		if f.past {
			w = unwrapped(w)
		}
		if x.Answer() != nil {
			return f.refuse(m, next, x, w, r)
		}
		if f.refuseInReport && x.Err() != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return nil //nolint:nilerr // the mistake: report-only mode refuses nothing
		}
		return f.handle(m, next, x, w, r)
	}
}

// unwrapped returns the server's own writer.
func unwrapped(w http.ResponseWriter) http.ResponseWriter {
	for {
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		w = u.Unwrap()
	}
}

func (f fault) refuse(m AdapterMount, next handler, x *adapter.Exchange, w http.ResponseWriter, r *http.Request) error {
	a, err := x.Answer(), x.Err()
	switch {
	case f.runsAnyway, f.failOpen && a.Status == http.StatusServiceUnavailable, f.noClaim && err != nil && errors.Is(err, core.ErrInFlight):
		return next(w, r)
	case m.Deny && f.denyAll:
		http.Error(w, "denied", http.StatusTeapot)
		return nil
	case m.Deny:
		x.Refuse(w, func(err *core.Error) bool {
			http.Error(w, "denied: "+string(err.Reason), http.StatusTeapot)
			return true
		})
		return nil
	case f.refuseRedelivery && err != nil && err.Acknowledges():
		a.Status = http.StatusConflict
	case f.acknowledges:
		w.Header().Set(core.RedeliveryHeader, "acknowledged")
		return nil
	case f.ownStatus:
		a.Status = http.StatusForbidden
	case f.noRetryAfter:
		a.Header.Del("Retry-After")
	case f.noProblem:
		a.Body = nil
	case f.resets:
		conn, buf, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return err
		}
		_, _ = buf.WriteString("HTTP/1.1 413 Request Entity Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
		_ = buf.Flush()
		_ = conn.Close()
		return nil
	case f.anyOrder:
		conn, buf, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return err
		}
		_, _ = buf.WriteString("HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n")
		for name, values := range a.Header {
			_, _ = buf.WriteString(name + ": " + values[0] + "\r\n")
		}
		_, _ = buf.WriteString("\r\n")
		_ = buf.Flush()
		_ = conn.Close()
		return nil
	}
	x.Refuse(w, nil)
	return nil
}

func (f fault) handle(m AdapterMount, next handler, x *adapter.Exchange, w http.ResponseWriter, r *http.Request) (err error) {
	if f.noRestore {
		x.Request.Body = http.NoBody
	}
	if f.noGetBody {
		x.Request.GetBody = nil
	}
	switch {
	case f.ownContext:
		x.Request = x.Request.WithContext(r.Context())
	case f.cancelled:
		x.Request = x.Request.WithContext(both{x.Request.Context(), r.Context()}) //nolint:contextcheck // the mistake
	case f.unbounded:
		x.Request = x.Request.WithContext(context.WithoutCancel(x.Request.Context())) //nolint:contextcheck // the mistake
	}
	finish := x.Finish
	if f.leavesFiles {
		finish = x.Settle
	}
	if f.settleFirst {
		finish(http.StatusOK)
	}
	rec := x.Record(w)
	res := &response{ResponseWriter: rec, earlyStays: f.takesEarly}
	done := false
	defer func() {
		if f.recovers && recover() != nil {
			finish(core.Failed)
			w.WriteHeader(http.StatusTeapot)
		}
		switch {
		case done:
		case f.commitPanics:
			finish(http.StatusOK)
		case !f.forgetPanics:
			finish(core.Failed)
		}
	}()
	err = next(res, x.Request)
	if f.inside200 && err == nil && rec.Status() == 0 {
		rec.WriteHeader(http.StatusOK)
	}
	if f.twice {
		err = next(res, x.Request)
	}
	done = true
	if f.rendersErrors && err != nil {
		res.render(m, err)
		err = nil
	}
	status := rec.Status()
	switch {
	case f.noSettle:
		return err
	case err != nil && !f.ignoresErrors && (status == 0 || !f.believesWritten):
		status = core.Failed
	case f.takesEarly:
		status = res.status
	case f.commitAll, f.commitHijacks && status == core.Failed, f.commitRedirects && status == http.StatusFound, f.silent200 && status == 0:
		status = http.StatusOK
	case f.releaseSilent && status == 0:
		status = core.Failed
	}
	if status = finish(status); err == nil && rec.Status() == 0 && status > 0 && !f.implicit200 && !f.silent200 {
		w.WriteHeader(status)
	}
	return err
}

// both combines the values of one context and the end of another.
type both struct { //nolint:containedctx // it is a context
	context.Context

	end context.Context
}

func (b both) Done() <-chan struct{} { return b.end.Done() }
func (b both) Err() error            { return b.end.Err() }

func (f fault) call(w http.ResponseWriter, r *http.Request, shared *[]byte) *AdapterCall {
	m, _ := core.FromContext(r.Context())
	if f.reuses {
		*shared = append((*shared)[:0], m.Body...)
		m.Body = *shared
	}
	rc := http.NewResponseController(w)
	own := r.Context()
	if f.otherContext {
		own = context.Background()
	}
	return &AdapterCall{
		Context: r.Context(), Message: m, Contexts: map[string]context.Context{"the framework": own},
		Bodies: map[string]func() ([]byte, error){
			"io.ReadAll": func() ([]byte, error) { return io.ReadAll(r.Body) },
			"GetBody": func() ([]byte, error) {
				if r.GetBody == nil {
					return slices.Clone([]byte(nil)), nil
				}
				b, err := r.GetBody()
				if err != nil {
					return nil, err
				}
				return io.ReadAll(b)
			},
		},
		Status:     w.WriteHeader,
		Write:      func(p []byte) { _, _ = w.Write(p) },
		Flush:      func() { _ = rc.Flush() },
		EarlyHints: func() { w.WriteHeader(http.StatusEarlyHints) },
		Form: func() (*multipart.Form, error) {
			err := r.ParseMultipartForm(1)
			return r.MultipartForm, err
		},
		Hijack: func() error {
			conn, buf, err := rc.Hijack()
			if err != nil {
				return err
			}
			_, _ = buf.WriteString("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			_ = buf.Flush()
			return conn.Close()
		},
	}
}
