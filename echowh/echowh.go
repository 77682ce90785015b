package echowh

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/hookonce/hookonce/adapter"
	"github.com/hookonce/hookonce/core"
)

// Option is an option of [New]. The only option is [Deny].
type Option func(*middleware)

// Deny sets the function that responds to refused attempts. answer is not
// called for acknowledged redeliveries, challenges or handshakes. The
// HTTPErrorHandler handles its error, like the error of any handler. If answer
// returns nil and has written nothing, the middleware writes the default
// response. To find the reason of err, use errors.Is with core's reasons. Keep
// the status of err.Answer(): it decides whether the sender retries. Never send
// err.Error() to the sender: that text is for the log, or for SetInternal.
func Deny(answer func(c echo.Context, err *core.Error) error) Option {
	return func(m *middleware) { m.deny = answer }
}

// New returns middleware for the routes of one sender. The handlers after it
// run only for messages that are authentic, new and, if the sender signs a
// timestamp, fresh. v determines the response to all other requests. New panics
// if v is nil. The middleware is safe for concurrent use.
func New(v *core.Verifier, opts ...Option) echo.MiddlewareFunc {
	if v == nil {
		panic("echowh: New got a nil *core.Verifier: check the error of core.New, or wrap the call in core.Must")
	}
	m := &middleware{v: v}
	for _, opt := range opts {
		opt(m)
	}
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error { return m.handle(c, next) }
	}
}

// Message returns the verified message of the request, or the zero Message if
// [New] did not admit one.
func Message(c echo.Context) core.Message {
	if d, ok := c.Get(deliveryKey).(*core.Delivery); ok {
		m, _ := d.Message()
		return m
	}
	return core.Message{}
}

const deliveryKey = "hookonce.delivery"

type middleware struct {
	v    *core.Verifier
	deny func(echo.Context, *core.Error) error
}

func (m *middleware) handle(c echo.Context, next echo.HandlerFunc) error {
	x := adapter.Begin(m.v, c.Response(), c.Request())
	if x.Answer() == nil {
		return run(c, x, next)
	}
	var outer *echo.HTTPError // from Body.Read: an upstream BodyLimit writes its own response
	if err := x.Refusal(); err != nil && err.Reason == core.ErrMalformed && errors.As(err, &outer) {
		return outer
	}
	var err error
	written := m.deny != nil && x.Refuse(c.Response(), func(refused *core.Error) bool {
		err = m.deny(c, refused)
		return c.Response().Committed
	})
	if !written && err == nil { // the HTTPErrorHandler renders an error
		x.Refuse(c.Response(), nil)
	}
	return err
}

// run runs the handler and settles the message, also during a panic.
func run(c echo.Context, x *adapter.Exchange, next echo.HandlerFunc) error {
	outer, res := c.Request(), c.Response()
	w := res.Writer
	rec := x.Record(w)
	c.SetRequest(x.Request)
	res.Writer = rec
	c.Set(deliveryKey, x.Delivery)
	answered, timedOut := core.Failed, false
	defer func() {
		if timedOut {
			x.Finish(answered)
			return
		}
		if rec.Status() == 0 && res.Committed && res.Status < http.StatusOK {
			// echo mistakes a 1xx for the response and renders no error after it. net/http would
			// then respond 200.
			res.Committed, res.Status = false, http.StatusOK
		}
		x.Request = c.Request() // with the form, if a handler parsed it
		status := x.Finish(answered)
		c.SetRequest(outer) // the handler's context has ended
		if answered == 0 {
			res.WriteHeader(status)
		}
		if res.Writer == http.ResponseWriter(rec) {
			res.Writer = w
		}
	}()
	err := next(c)
	if err == nil { // an error becomes a response later, in the HTTPErrorHandler
		answered = rec.Status() // not res.Status, which stays 200 if a write bypasses it
		// echo's Timeout responds 503 while the handler still runs with c. Then c must not be
		// touched.
		timedOut = answered == http.StatusServiceUnavailable
	}
	return err
}
