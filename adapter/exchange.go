package adapter

import (
	"io"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/httpwh"
)

// Exchange is one request in an adapter. It is not safe for concurrent use.
type Exchange struct {
	// Delivery is core's view of the request. Call Finish instead of
	// Delivery.Settle.
	*core.Delivery
	// Request is for the handlers: a copy with the body restored and Delivery's
	// context. It is nil if the handlers must not run. If handlers may replace
	// their request, the adapter sets Request to the replacement before it
	// calls Finish.
	Request *http.Request

	original *http.Request
	body     httpwh.Body
	target   core.Request
	recorder Recorder
}

// Begin verifies and claims r with v. If Answer then returns nil, the adapter
// runs the handlers with Request. Otherwise the adapter calls Refuse.
//
// r is the server's own request. Begin reads r.Body, and Finish sets r.Pattern.
// Nothing else in r changes. w may be any writer that [http.ResponseController]
// can unwrap.
func Begin(v *core.Verifier, w http.ResponseWriter, r *http.Request) *Exchange {
	x := &Exchange{original: r, body: httpwh.NewBody(w, r), target: httpwh.Request(r)}
	x.Delivery = v.Admit(r.Context(), &x.target, &x.body)
	if x.Answer() != nil {
		x.abandonBody(w)
		return x
	}
	// The copy is made after the body was read. Only then does it include trailers that were not
	// announced.
	x.Request = r.WithContext(x.Context())
	x.body.Restore(x.Request)
	return x
}

// grace is how long a sender in the middle of its body may continue to send. It
// then reads the response instead of a reset connection. It is a little longer
// than net/http's own half second. Most connections are closed by then, and no
// timer has to wake a processor.
const grace = 600 * time.Millisecond

// pause is how long a sender may stop sending before its grace ends. net/http's
// half second follows as a further grace.
const pause = 100 * time.Millisecond

// drained is the length up to which net/http itself reads the rest of a body
// after the response. It abandons a longer one.
const drained = 256 << 10

// abandonBody keeps the server from reading the rest of the body before it
// sends the response, which has no time limit. "Connection: close" alone sends
// the response at once, but then the server still waits for the body. A read
// deadline bounds that wait. HTTP/2 solves this with its streams.
func (x *Exchange) abandonBody(w http.ResponseWriter) {
	if !x.unread() {
		return
	}
	w.Header().Set("Connection", "close")
	deadline := time.Now().Add(drain) //nolint:forbidigo // a deadline of I/O is real time
	if x.original.ContentLength > drained {
		deadline = time.Unix(1, 0) // a past deadline needs no timer, which would wake another processor
	}
	// An error means that w has no connection, so there is nothing to free.
	_ = http.NewResponseController(w).SetReadDeadline(deadline)
	if x.original.Close || x.body.Broken() || x.tooLarge() {
		linger(w)
	}
}

// unread reports whether bytes of the body may be left on an HTTP/1 connection.
func (x *Exchange) unread() bool {
	return !x.body.Ended() && x.original.ProtoMajor < 2 && x.original.Body != nil && x.original.Body != http.NoBody
}

func (x *Exchange) tooLarge() bool {
	err := x.Err()
	return err != nil && err.Reason == core.ErrBodyTooLarge
}

// linger makes net/http wait between the end of the response and closing the
// connection, as it does after a body over its own limit. After a request with
// "Connection: close", and after a broken body, net/http would close at once.
// With unread bytes that sends a reset, which overtakes the response. Only
// http.MaxBytesReader can request the wait, from the server's own writer.
func linger(w http.ResponseWriter) {
	for {
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			break
		}
		w = u.Unwrap()
	}
	_, _ = http.MaxBytesReader(w, io.NopCloser(strings.NewReader("x")), 0).Read(make([]byte, 1)) // one byte over the limit
}

// Refuse responds to an attempt whose handlers must not run. For a refusal it
// calls deny, if deny is not nil. In deny, the adapter calls the application's
// Deny function. For any other response (an acknowledgement, challenge or
// handshake), or if deny is nil, Refuse writes core's response. deny and Refuse
// report whether a response was written. If it was not, upstream middleware
// must write one, for example from an error that the application's Deny
// function returned. If there is nothing to render upstream, call Refuse again
// with a nil deny. Otherwise net/http responds 200, and the sender does not
// retry.
//
// An unread body does not delay the response. With HTTP/1, the connection is
// then closed.
func (x *Exchange) Refuse(w http.ResponseWriter, deny func(err *core.Error) (written bool)) (written bool) {
	if err := x.Refusal(); err == nil || deny == nil {
		x.writeAnswer(w)
	} else if !deny(err) {
		return false
	}
	x.leave(w)
	return true
}

// writeAnswer writes core's response. In HTTP/2 it omits "Connection: close",
// which would end all other streams too.
func (x *Exchange) writeAnswer(w http.ResponseWriter) {
	a, h := x.Answer(), w.Header()
	maps.Copy(h, a.Header)
	if x.original.ProtoMajor >= 2 {
		h.Del("Connection")
	}
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body) // a client that disconnected needs no response
}

// leave sends the refusal. Then, for at most the grace, it reads the rest of a
// body that is over the limit. Many senders read the response only after they
// have sent the body. Such a body does not fit into the buffers between sender
// and server.
func (x *Exchange) leave(w http.ResponseWriter) {
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
		_ = control.SetReadDeadline(now.Add(pause)) // setting it worked before
		_, err = io.CopyN(io.Discard, x.original.Body, 8<<10)
	}
}

// Record wraps w for the handlers, or for a deny function. An Exchange has one
// recorder: a second call resets it.
func (x *Exchange) Record(w http.ResponseWriter) *Recorder {
	x.recorder = Recorder{w: w}
	return &x.recorder
}

// Finish ends the exchange after the handlers have ended. It removes temporary
// files of forms that were parsed from Request. status is the handlers' status,
// or zero if they wrote nothing. It is [core.Failed] after a panic, and for an
// error that the framework renders later. Such an error counts as a failure,
// whatever status the framework renders. If Finish is never called, the message
// stays claimed until [core.Config].Lease ends, so defer the call.
//
// Finish returns the recorded status, which the adapter writes if nothing was
// written. Calls after the first change nothing.
func (x *Exchange) Finish(status int) int {
	if x.Request == nil { // refused
		return x.Settle(status)
	}
	// The server removes only the temporary files of its own request, and an upstream logger reads
	// the pattern from that request.
	if x.original.Pattern != x.Request.Pattern {
		x.original.Pattern = x.Request.Pattern
	}
	if f := x.Request.MultipartForm; f != nil && f != x.original.MultipartForm {
		_ = f.RemoveAll() // files that cannot be removed now are left to the operating system
	}
	return x.Settle(status)
}
