// Package httpwh is what the adapters for net/http, gin and echo share: reading the body under limits, giving it back
// to the handler, noting what was answered, and leaving a body unread without waiting for it. It decides nothing: statuses and verdicts are core's.
package httpwh

import (
	"io"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/hookonce/hookonce/core"
)

// Exchange is one request on its way through an adapter.
//
//	x := httpwh.Begin(v, w, r)
//	if x.Answer() != nil { …custom answer and x.Leave(w), or x.WriteAnswer(w); return }
//	defer x.Finish(core.Failed) // a panic, Goexit: whatever skips the regular one
//	rec := x.Record(w)
//	next.ServeHTTP(rec, x.Request)
//	status := x.Finish(rec.Status()) // to be written if nothing was
type Exchange struct {
	*core.Delivery
	// Request is the handler's: a copy with the body restored and [core.Delivery.Context]; nil if an answer is to be written.
	Request *http.Request

	original *http.Request
	body     body
	target   core.Request
	recorder Recorder
}

// Begin takes r through the pipeline. If that refuses it with some of its body unread, w is prepared: the connection
// closes after the answer, which does not wait for the rest.
//
// r is the server's own request and stays unchanged. w may be any writer that http.ResponseController can unwrap.
func Begin(v *core.Verifier, w http.ResponseWriter, r *http.Request) *Exchange {
	x := &Exchange{original: r, body: body{w: w, r: r}, target: core.Request{Method: r.Method, URL: r.RequestURI, Host: r.Host, Header: r.Header}}
	if x.target.URL == "" { // not from a server: Lambda, or a test
		x.target.URL = r.URL.RequestURI()
	}
	x.Delivery = v.Admit(r.Context(), &x.target, &x.body)
	if x.Answer() != nil {
		x.abandonBody(w)
		return x
	}
	// The copy is made after reading: trailers that were not announced are only in copies made then.
	x.Request = r.WithContext(x.Context())
	x.body.restore(x.Request)
	return x
}

// grace is how long a sender in the middle of its body may go on, so that it reads our answer instead of a reset connection. It is a little
// longer than the half second for which net/http itself does that: most connections are closed by then, and no timer has to wake a processor.
const grace = 600 * time.Millisecond

// pause ends the grace of a sender that stops to send. With net/http's half second behind it that is a grace as well.
const pause = 100 * time.Millisecond

// abandonBody keeps the server from reading the rest of the body: it would do so before it sends the answer, without a
// deadline. Closing alone sends the answer at once but then waits; the deadline ends that too. HTTP/2 has streams for this.
func (x *Exchange) abandonBody(w http.ResponseWriter) {
	if !x.unread() {
		return
	}
	w.Header().Set("Connection", "close")
	// Where no deadline can be set there is no server connection of ours to free either.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(grace)) //nolint:forbidigo // a deadline of I/O is real time
	if x.original.Close || x.body.err != nil || x.tooLarge() {
		linger(w)
	}
}

// unread reports whether bytes of the body may be left on an HTTP/1 connection.
func (x *Exchange) unread() bool {
	return !x.body.end && x.original.ProtoMajor < 2 && x.original.Body != nil && x.original.Body != http.NoBody
}

func (x *Exchange) tooLarge() bool {
	err := x.Err()
	return err != nil && err.Reason == core.ErrBodyTooLarge
}

// linger has net/http wait between the end of the answer and closing the connection, as it does behind a body over its own limit. It would close
// at once after a request that says "Connection: close" and after one whose body is broken. Unread bytes make a reset of
// that, which overtakes the answer. Only http.MaxBytesReader can ask for it, of the server's own writer.
func linger(w http.ResponseWriter) {
	for {
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			break
		}
		w = u.Unwrap()
	}
	_, _ = http.MaxBytesReader(w, io.NopCloser(strings.NewReader("x")), 0).Read(make([]byte, 1)) // one over the limit
}

// Leave is called when the refusal was written to w. It sends it. Then it takes what the sender of a body over the limit still sends, for the
// grace at most: many read the answer only when they have written, and such a body does not fit into the buffers on the way.
func (x *Exchange) Leave(w http.ResponseWriter) {
	if !x.unread() || !x.tooLarge() {
		return
	}
	control := http.NewResponseController(w)
	now := time.Now() //nolint:forbidigo // I/O runs on real time
	end := now.Add(grace)
	if control.SetReadDeadline(now.Add(pause)) != nil || control.Flush() != nil {
		return
	}
	for err := error(nil); err == nil && now.Before(end); now = time.Now() { //nolint:forbidigo // see above
		_ = control.SetReadDeadline(now.Add(pause)) // it could be set before
		_, err = io.CopyN(io.Discard, x.original.Body, 8<<10)
	}
}

// WriteAnswer writes what core answers, as it is. In HTTP/2 "Connection: close" would end all other streams as well.
func (x *Exchange) WriteAnswer(w http.ResponseWriter) {
	a, h := x.Answer(), w.Header()
	maps.Copy(h, a.Header)
	if x.original.ProtoMajor >= 2 {
		h.Del("Connection")
	}
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body) // a sender that is gone needs no answer
	x.Leave(w)
}

// Record wraps w for the handler. There is one recorder an exchange.
func (x *Exchange) Record(w http.ResponseWriter) *Recorder {
	x.recorder = Recorder{w: w}
	return &x.recorder
}

// Finish ends the exchange after the handler: it settles, and undoes what having a copy of the request costs. The server
// removes the temporary files of its own request only, and a logger outside looks for the pattern in that.
//
// It returns the status to write if the handler has written none. Calls after the first change nothing.
func (x *Exchange) Finish(status int) int {
	if x.original.Pattern != x.Request.Pattern {
		x.original.Pattern = x.Request.Pattern
	}
	if f := x.Request.MultipartForm; f != nil && f != x.original.MultipartForm {
		_ = f.RemoveAll() // what cannot be removed now is the operating system's to clean
	}
	return x.Settle(status)
}
