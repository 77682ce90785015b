package fiberwh

import (
	"maps"
	"slices"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/hookonce/hookonce/core"
)

// Option changes what [New] makes. There is one: [Deny].
type Option func(*middleware)

// Deny has answer called in place of the default answer to a refused attempt. It is not called for the acknowledgement of a
// redelivery nor for a challenge: those are no refusals. What it returns goes to fiber's ErrorHandler as any handler's error
// does. err says why (errors.Is with core's reasons), and err.Answer() has the status that makes senders do the right
// thing: keep it. Never tell the sender err.Error(): it is written for the log.
func Deny(answer func(c *fiber.Ctx, err *core.Error) error) Option {
	return func(m *middleware) { m.deny = answer }
}

// New returns middleware for the routes of one sender: the handlers after it run for messages that are authentic, fresh and
// new, and v answers all others. It panics if v is nil. The handler is safe for concurrent use.
func New(v *core.Verifier, opts ...Option) fiber.Handler {
	if v == nil {
		panic("fiberwh: New was given a nil *core.Verifier: look at the error of core.New, or wrap it in core.Must")
	}
	m := &middleware{v: v}
	for _, opt := range opts {
		opt(m)
	}
	return m.handle
}

// Message returns the verified message of the request, the zero Message where [New] did not admit one. It may be
// kept: nothing in it points into fasthttp's memory.
func Message(c *fiber.Ctx) core.Message {
	m, _ := core.FromContext(c.Context())
	return m
}

type middleware struct {
	v    *core.Verifier
	deny func(*fiber.Ctx, *core.Error) error
}

func (m *middleware) handle(c *fiber.Ctx) error {
	defer closeUnread(c.Context())
	r := newRequest(c, m.v)
	d := m.v.Admit(c.UserContext(), &r.Request, r)
	r.forget()
	if d.Answer() == nil {
		return next(c, d)
	}
	if err := d.Refusal(); m.deny != nil && err != nil {
		return m.deny(c, err)
	}
	write(c.Response(), d.Answer())
	return nil // not an error: the ErrorHandler would overwrite the answer
}

// next runs the handler and settles, also while a panic passes through.
func next(c *fiber.Ctx, d *core.Delivery) error {
	outer := c.UserContext()
	c.SetUserContext(d.Context())
	c.Context().SetUserValue(d.ContextValue()) // where net/http handlers behind adaptor.HTTPHandler look
	status, returned := core.Failed, false
	defer func() {
		d.Settle(status)
		c.SetUserContext(outer) // ours ended with the handler
		if !returned && c.Response().StatusCode() < fiber.StatusMultipleChoices {
			c.Status(fiber.StatusInternalServerError) // for a panic that something outside swallows
		}
	}()
	err := c.Next()
	returned = true
	if err == nil { // an error becomes an answer only after us, in the ErrorHandler
		status = answered(c.Context())
	}
	return err
}

// answered is what the sender will see. For fasthttp a handler that wrote nothing has answered 200.
func answered(c *fasthttp.RequestCtx) int {
	if r := c.LastTimeoutErrorResponse(); r != nil {
		return r.StatusCode() // sent in place of c.Response
	}
	if c.Hijacked() {
		return core.Failed
	}
	return c.Response.StatusCode()
}

// write sorts the names, as net/http does: the header is a map, and fasthttp
// keeps the order in which it is given them.
func write(r *fasthttp.Response, a *core.Answer) {
	r.SetStatusCode(a.Status)
	for _, key := range slices.Sorted(maps.Keys(a.Header)) {
		r.Header.Del(key)
		for _, v := range a.Header[key] {
			r.Header.Add(key, v)
		}
	}
	r.SetBodyRaw(a.Body)
}

// closeUnread closes the connection behind a streamed body that nobody read to its end: fasthttp would parse the rest of it
// as the next request.
func closeUnread(c *fasthttp.RequestCtx) {
	if c.RequestBodyStream() != nil {
		c.SetConnectionClose()
	}
}
