package ginwh

import (
	"bytes"
	"io"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/hookonce/hookonce/adapter"
	"github.com/hookonce/hookonce/core"
)

// Option is an option of [New]. The only option is [Deny].
type Option func(*middleware)

// Deny sets the function that responds to refused attempts. The chain is
// already aborted. answer is not called for acknowledged redeliveries,
// challenges or handshakes. To find the reason of err, use errors.Is with
// core's reasons. Keep the status of err.Answer(): it decides whether the
// sender retries. If answer writes nothing, sets no status and adds no error to
// c, the middleware writes the default response. Never send err.Error() to the
// sender: that text is for the log, or for c.Error.
func Deny(answer func(c *gin.Context, err *core.Error)) Option {
	return func(m *middleware) { m.deny = answer }
}

// New returns middleware for the routes of one sender. The handlers after it
// run only for messages that are authentic, new and, if the sender signs a
// timestamp, fresh. v determines the response to all other requests. New panics
// if v is nil. The middleware is safe for concurrent use.
func New(v *core.Verifier, opts ...Option) gin.HandlerFunc {
	if v == nil {
		panic("ginwh: New got a nil *core.Verifier: check the error of core.New, or wrap the call in core.Must")
	}
	m := &middleware{v: v}
	for _, opt := range opts {
		opt(m)
	}
	return m.handle
}

// deliveryKey is a string, because in some versions gin's Get and Value support
// no other type.
const deliveryKey = "hookonce.delivery"

// Message returns the verified message of the request, or the zero Message if
// [New] did not admit one. It also works in upstream middleware after the
// handler has returned, and with c.Copy().
func Message(c *gin.Context) core.Message {
	if v, _ := c.Get(deliveryKey); v != nil {
		if d, ok := v.(*core.Delivery); ok {
			m, _ := d.Message()
			return m
		}
	}
	if c.Request == nil {
		return core.Message{}
	}
	m, _ := core.FromContext(c.Request.Context()) // Engine.HandleContext clears the keys of c
	return m
}

type middleware struct {
	v    *core.Verifier
	deny func(*gin.Context, *core.Error)
}

func (m *middleware) handle(c *gin.Context) {
	x := adapter.Begin(m.v, c.Writer, unread(c))
	if x.Answer() == nil {
		next(c, x)
		return
	}
	c.Abort() // first, so that Deny cannot run the handler
	if m.deny != nil {
		status, errors := c.Writer.Status(), len(c.Errors)
		written := x.Refuse(c.Writer, func(err *core.Error) bool {
			m.deny(c, err)
			return c.Writer.Written()
		})
		// gin sends a status that was only set, and upstream middleware may render new errors.
		if written || c.Writer.Status() != status || len(c.Errors) > errors {
			return
		}
	}
	x.Refuse(c.Writer, nil)
}

// unread returns the request with its body. An earlier ShouldBindBodyWith read
// the body and kept the bytes for the next call.
func unread(c *gin.Context) *http.Request {
	v, _ := c.Get(gin.BodyBytesKey)
	if body, ok := v.([]byte); ok && len(body) > 0 {
		r := c.Request.WithContext(c.Request.Context()) // a copy: the server's own request stays unchanged
		r.Body = io.NopCloser(bytes.NewReader(body))
		return r
	}
	return c.Request
}

// next runs the handlers and settles the message, also during a panic.
func next(c *gin.Context, x *adapter.Exchange) {
	outer, errors := c.Request, len(c.Errors)
	w := &writer{ResponseWriter: c.Writer, past: x.Record(unwrap(c.Writer))}
	c.Request, c.Writer = x.Request, w
	if message, ok := x.Message(); ok {
		c.Set(deliveryKey, x.Delivery)
		c.Set(gin.BodyBytesKey, message.Body) // so that ShouldBindBodyWith works after any other binding
	}
	answered := core.Failed
	defer func() {
		x.Request = c.Request // with the form, if a handler parsed it
		status := x.Finish(answered)
		if answered == core.Failed && w.unsent() && isSuccess(w.Status()) {
			// For the case that no upstream middleware renders the errors: if nothing is written,
			// gin responds 200 and the sender does not retry. That also happens after a panic that
			// an upstream middleware recovers.
			w.WriteHeader(http.StatusInternalServerError)
		}
		c.Request = outer // the handler's context has ended
		if c.Writer == w {
			c.Writer = w.ResponseWriter
		}
		// Otherwise an upstream middleware could still respond to the committed message with a
		// failure.
		if !w.Written() && (answered == 0 || isSuccess(answered)) {
			w.WriteHeader(status)
			w.WriteHeaderNow()
		}
	}()
	c.Next()
	answered = w.answered(len(c.Errors) > errors)
}
