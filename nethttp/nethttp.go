package nethttp

import (
	"net/http"

	"github.com/hookonce/hookonce/adapter"
	"github.com/hookonce/hookonce/core"
)

// Option changes how the middleware responds. See [Deny].
type Option func(*options)

type options struct {
	deny func(http.ResponseWriter, *http.Request, *core.Error)
}

// Deny sets a function that writes the response to refused attempts, instead of
// the default problem details. err.Answer returns the default response. Keep
// its status and its Retry-After: they decide whether the sender retries. If
// answer writes nothing, the middleware writes the default response. answer is
// not called for acknowledged redeliveries, challenges or handshakes. On
// HTTP/1, the middleware closes the connection if part of the body is unread.
func Deny(answer func(w http.ResponseWriter, r *http.Request, err *core.Error)) Option {
	return func(o *options) { o.deny = answer }
}

// New returns the middleware. It panics if v is nil. The middleware is safe for
// concurrent use and may wrap any number of handlers.
func New(v *core.Verifier, opts ...Option) func(next http.Handler) http.Handler {
	if v == nil {
		panic("nethttp.New: the verifier is nil: create one with core.New and check its error")
	}
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	return func(next http.Handler) http.Handler {
		wrapped := misplaced() // bridges wrap their handlers once more for each request
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			err := wrapped
			if err == nil && fromFramework(w) {
				err = misplaced()
			}
			if err != nil {
				r = refusing(r, err)
			}
			x := adapter.Begin(v, w, r)
			if x.Answer() == nil {
				serve(x, w, next)
				return
			}
			written := o.deny != nil && x.Refuse(w, func(err *core.Error) bool {
				rec := x.Record(w)
				o.deny(rec, r, err)
				return rec.Status() != 0
			})
			if !written {
				x.Refuse(w, nil)
			}
		})
	}
}

// serve runs the handler. It does not recover panics: a panic continues with
// its stack, and http.ErrAbortHandler and Goexit keep their meaning.
func serve(x *adapter.Exchange, w http.ResponseWriter, next http.Handler) {
	defer x.Finish(core.Failed) // for everything that skips the regular call below
	rec := x.Record(w)
	next.ServeHTTP(rec, x.Request)
	if status := x.Finish(rec.Status()); rec.Status() == 0 {
		w.WriteHeader(status)
	}
}

// Message returns the verified message of a request that the middleware
// admitted. It returns the zero Message if there is none, as can happen in
// report-only mode. [core.FromContext] with r.Context() also reports whether
// there is a message.
func Message(r *http.Request) core.Message {
	m, _ := core.FromContext(r.Context())
	return m
}
