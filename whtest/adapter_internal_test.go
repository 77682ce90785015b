package whtest

import (
	"context"
	"errors"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/hookonce/hookonce/adapter"
	"github.com/hookonce/hookonce/core"
)

// TestAdapterSuiteCatchesBrokenAdapters runs the suite against adapters with one mistake each. The named case must complain, or the
// suite is no use to anybody.
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
		{"recovers panics", "panics go on", fault{recovers: true}},
		{"commits a hijack", "a hijack releases", fault{commitHijacks: true}},
		{"releases what wrote nothing", "a handler that writes nothing commits", fault{releaseSilent: true}},
		{"does not write the status of a late handler", "a handler that ran out of time is answered as it is recorded", fault{implicit200: true}},
		{"keeps the request's context", "a genuine message reaches the handler whole", fault{ownContext: true}},
		{"lets a disconnect end the handler", "the sender's disconnect does not end the handler", fault{cancelled: true}},
		{"bounds the handler by nothing", "the handler's context ends before the claim", fault{unbounded: true}},
		{"has statuses of its own", "what is not authentic gets one answer", fault{ownStatus: true}},
		{"writes the headers of a refusal in any order", "the headers of a refusal have one order", fault{anyOrder: true}},
		{"swallows Retry-After", "an outage is 503 and nothing is let through", fault{noRetryAfter: true}},
		{"writes no body", "malformed headers are refused", fault{noProblem: true}},
		{"runs the handler on refusal", "what is not authentic gets one answer", fault{runsAnyway: true}},
		{"lets everything through on an outage", "an outage is 503 and nothing is let through", fault{failOpen: true}},
		{"sends acknowledgements to Deny", "Deny answers refusals and nothing else", fault{denyAll: true}},
		{"sends challenges to Deny", "a challenge is answered as the scheme says", fault{denyAll: true}},
		{"refuses redeliveries", "a message that was handled is acknowledged with its first status", fault{refuseRedelivery: true}},
		{"ignores the limit", "the size limit is exact", fault{noLimit: true}},
		{"cuts off at the limit", "the size limit is exact", fault{cutsOff: true}},
		{"ignores the time limit", "a slow body is refused", fault{noLimit: true}},
		{"takes a broken body for whole", "a body that breaks off is malformed", fault{noLimit: true}},
		{"resets the connection of a refused body", "the sender of a body that is too large reads the refusal", fault{resets: true}},
		{"waits for the rest of a refused body", "a refusal does not wait for the rest of the body", fault{drains: true}},
		{"sees only the first of repeated headers", "malformed headers are refused", fault{firstHeader: true}},
		{"joins lines of signatures wrongly", "all lines of a repeated signature header count", fault{firstHeader: true}},
		{"does not pass the path on", "a tenant's key opens nothing of another", fault{noPath: true}},
		{"reuses the memory of the last request", "what a handler keeps stays as it was", fault{reuses: true}},
		{"refuses in report-only mode", "report-only lets everything through", fault{refuseInReport: true}},
		{"does not pass on where a request goes", "a refused request can be shown with its body", fault{noPath: true}},
		{"drops headers that it does not know", "equal bytes under other delivery ids or topics are other messages", fault{drops: "Plain-Topic"}},
		{"drops delivery ids", "a retry with a new time is recognized by its delivery id", fault{drops: "Plain-Delivery"}},
		{"drops delivery ids", "unsigned ids that cannot be ids are malformed", fault{drops: "Plain-Delivery"}},
		{"drops empty headers", "unsigned ids that cannot be ids are malformed", fault{dropsEmpty: true}},
		{"sees only the first delivery id", "unsigned ids that cannot be ids are malformed", fault{firstHeader: true}},
		{"refuses retries under a delivery id", "equal bytes under other delivery ids or topics are other messages", fault{refuseRedelivery: true}},
		{"runs the handler past the bound", "whoever rewrites unsigned ids gains a bounded number of runs", fault{failOpen: true}},
		{"acknowledges past the bound", "whoever rewrites unsigned ids gains a bounded number of runs", fault{acknowledges: true}},
		{"runs equal bytes twice", "with no repeats allowed, equal bytes run once", fault{failOpen: true}},
		{"acknowledges equal bytes", "with no repeats allowed, equal bytes run once", fault{acknowledges: true}},
		{"does not settle a delivery id", "a failed handler's message runs again under its delivery id", fault{noSettle: true}},
		{"commits failures under a delivery id", "a failed handler's message runs again under its delivery id", fault{commitAll: true}},
		{"runs a captured attempt", "a captured attempt does not run under another delivery id", fault{failOpen: true}},
		{"acknowledges a captured attempt", "a captured attempt does not run under another delivery id", fault{acknowledges: true}},
		{"acknowledges an id with another content", "a signed id with another content is not acknowledged", fault{acknowledges: true}},
		{"runs an id with another content", "a signed id with another content is not acknowledged", fault{failOpen: true}},
		{"does not tell paths apart", "a message that is delivered to two paths is not acknowledged at the second", fault{noPath: true}},
		{"acknowledges at another path", "a message that is delivered to two paths is not acknowledged at the second", fault{acknowledges: true}},
		{"hides the first mount from the second", "mounted twice it passes through or says so at the first request", fault{ownContext: true}},
		{"lets the refusal of the second mount commit", "mounted twice it passes through or says so at the first request", fault{acknowledges: true}},
		{"acknowledges what wants a response", "a response that the sender wants is never an empty acknowledgement", fault{acknowledges: true}},
		{"does not claim", "twenty attempts at once run once", fault{noClaim: true}},
		{"runs the handler twice", "of 10 000 concurrent attempts at 100 messages each is handled exactly once", fault{twice: true}},
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
				said := c.fails(t, Adapter{Serve: b.fault.serve, Hijacks: true})
				if len(said) == 0 {
					t.Errorf("%q does not notice an adapter that %s", c.name, b.broken)
				} else {
					t.Logf("%s", said[0])
				}
			}
			if b.caughtBy == "" {
				TestAdapter(t, Adapter{Serve: b.fault.serve, Hijacks: true})
			} else if !found {
				t.Errorf("there is no case %q", b.caughtBy)
			}
		})
	}
}

// An adapter whose framework turns returned errors into answers can make a mistake of its own with them.
func TestAdapterSuiteCatchesAnIgnoredError(t *testing.T) {
	t.Parallel()
	for _, c := range adapterCases() {
		if c.errors && len(c.fails(t, Adapter{Serve: fault{}.serve, HandlerErrors: true})) == 0 {
			t.Errorf("%q does not notice an adapter that ignores errors", c.name)
		}
	}
}

// fault is what is wrong with an adapter. The zero one is right.
type fault struct {
	noRestore, noGetBody, noSettle, settleFirst, commitAll, commitRedirects, commitPanics, forgetPanics, recovers, commitHijacks bool
	releaseSilent, implicit200, ownContext, cancelled, unbounded, ownStatus, noRetryAfter, noProblem, runsAnyway, failOpen       bool
	denyAll, refuseRedelivery, noLimit, cutsOff, drains, firstHeader, noPath, reuses, refuseInReport, noClaim, twice             bool
	dropsEmpty, acknowledges, anyOrder, resets                                                                                   bool

	drops string // a header
}

func (f fault) serve(tb testing.TB, m AdapterMount) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("listening: %v", err)
	}
	h := f.middleware(m, nil)
	if m.Twice {
		h = f.middleware(m, h)
	}
	if m.RecoverOutside {
		h = recovering(h)
	}
	s := &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = s.Serve(l) }()
	tb.Cleanup(func() { _ = s.Close() })
	return "http://" + l.Addr().String()
}

func recovering(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if recover() != nil {
				w.WriteHeader(http.StatusInternalServerError)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// middleware has behind it what was mounted a second time; nil: the handler.
func (f fault) middleware(m AdapterMount, behind http.Handler) http.Handler {
	var shared []byte // what reuses has
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
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
				m.Handler(f.call(w, r, nil)) //nolint:errcheck // none
				return
			}
		}
		x := adapter.Begin(m.Verifier, w, r)
		if a := x.Answer(); a != nil {
			f.refuse(m, x, w, r)
			return
		}
		if f.refuseInReport && x.Err() != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		f.handle(m, behind, x, w, r, &shared)
	})
}

func (f fault) refuse(m AdapterMount, x *adapter.Exchange, w http.ResponseWriter, r *http.Request) {
	a, err := x.Answer(), x.Err()
	switch {
	case f.runsAnyway, f.failOpen && a.Status == http.StatusServiceUnavailable, f.noClaim && err != nil && errors.Is(err, core.ErrInFlight):
		m.Handler(f.call(w, r, nil)) //nolint:errcheck // none
		return
	case m.Deny && f.denyAll:
		http.Error(w, "denied", http.StatusTeapot)
		return
	case m.Deny:
		x.Refuse(w, func(err *core.Error) bool {
			http.Error(w, "denied: "+string(err.Reason), http.StatusTeapot)
			return true
		})
		return
	case f.refuseRedelivery && err != nil && err.Acknowledges():
		a.Status = http.StatusConflict
	case f.acknowledges:
		w.Header().Set(core.RedeliveryHeader, "acknowledged")
		return
	case f.ownStatus:
		a.Status = http.StatusForbidden
	case f.noRetryAfter:
		a.Header.Del("Retry-After")
	case f.noProblem:
		a.Body = nil
	case f.resets:
		conn, buf, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		_, _ = buf.WriteString("HTTP/1.1 413 Request Entity Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
		_ = buf.Flush()
		_ = conn.Close()
		return
	case f.anyOrder:
		conn, buf, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		_, _ = buf.WriteString("HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n")
		for name, values := range a.Header {
			_, _ = buf.WriteString(name + ": " + values[0] + "\r\n")
		}
		_, _ = buf.WriteString("\r\n")
		_ = buf.Flush()
		_ = conn.Close()
		return
	}
	x.Refuse(w, nil)
}

func (f fault) handle(m AdapterMount, behind http.Handler, x *adapter.Exchange, w http.ResponseWriter, r *http.Request, shared *[]byte) {
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
	if f.settleFirst {
		x.Finish(http.StatusOK)
	}
	rec := x.Record(w)
	done := false
	defer func() {
		if f.recovers && recover() != nil {
			x.Finish(core.Failed)
			w.WriteHeader(http.StatusTeapot)
		}
		switch {
		case done:
		case f.commitPanics:
			x.Finish(http.StatusOK)
		case !f.forgetPanics:
			x.Finish(core.Failed)
		}
	}()
	call := f.call(rec, x.Request, shared)
	h := http.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { _ = m.Handler(call) }))
	if m.RecoverInside {
		call.Status, h = rec.WriteHeader, recovering(h)
	}
	if behind != nil {
		h = behind
	}
	h.ServeHTTP(rec, x.Request)
	if f.twice {
		h.ServeHTTP(rec, x.Request)
	}
	done = true
	status := rec.Status()
	switch {
	case f.noSettle:
		return
	case f.commitAll, f.commitHijacks && status == core.Failed, f.commitRedirects && status == http.StatusFound:
		status = http.StatusOK
	case f.releaseSilent && status == 0:
		status = core.Failed
	}
	if status = x.Finish(status); rec.Status() == 0 && status > 0 && !f.implicit200 {
		w.WriteHeader(status)
	}
}

// both has the values of one context and the end of another.
type both struct { //nolint:containedctx // it is a context
	context.Context

	end context.Context
}

func (b both) Done() <-chan struct{} { return b.end.Done() }
func (b both) Err() error            { return b.end.Err() }

func (f fault) call(w http.ResponseWriter, r *http.Request, shared *[]byte) *AdapterCall {
	m, _ := core.FromContext(r.Context())
	if f.reuses && shared != nil {
		*shared = append((*shared)[:0], m.Body...)
		m.Body = *shared
	}
	rc := http.NewResponseController(w)
	return &AdapterCall{
		Context: r.Context(), Message: m,
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
		Status: w.WriteHeader,
		Write:  func(p []byte) { _, _ = w.Write(p) },
		Flush:  func() { _ = rc.Flush() },
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
