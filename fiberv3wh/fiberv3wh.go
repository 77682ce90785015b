package fiberv3wh

import (
	"net"
	"time"

	"github.com/gofiber/fiber/v3"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/fasthttpwh"
)

// Option is an option of [New]. The only option is [Deny].
type Option func(*middleware)

// Deny sets the function that responds to refused attempts. answer is not
// called for acknowledged redeliveries, challenges or handshakes. fiber's
// ErrorHandler handles its error, like the error of any handler. If answer
// returns nil and has written nothing, the middleware writes the default
// response. To find the reason of err, use errors.Is with core's reasons. Keep
// the status of err.Answer(): it decides whether the sender retries. Never send
// err.Error() to the sender: that text is for the log.
func Deny(answer func(c fiber.Ctx, err *core.Error) error) Option {
	return func(m *middleware) { m.deny = answer }
}

// New returns middleware for the routes of one sender. The handlers after it
// run only for messages that are authentic, new and, if the sender signs a
// timestamp, fresh. v determines the response to all other requests. New panics
// if v is nil. The middleware is safe for concurrent use.
func New(v *core.Verifier, opts ...Option) fiber.Handler {
	if v == nil {
		panic("fiberv3wh: New got a nil *core.Verifier: check the error of core.New, or wrap the call in core.Must")
	}
	m := &middleware{v: v}
	for _, opt := range opts {
		opt(m)
	}
	return m.handle
}

// Message returns the verified message of the request, or the zero Message if
// [New] did not admit one. The message may be kept: it does not refer to
// fasthttp's memory.
func Message(c fiber.Ctx) core.Message {
	m, _ := core.FromContext(c.RequestCtx())
	return m
}

// Listener prepares app and wraps ln for it. It limits the memory that
// unauthenticated clients can use, and lets senders read why they were refused:
//
//	log.Fatal(app.Listener(fiberv3wh.Listener(app, ln)))
//
// A body takes memory only as its bytes arrive. Without Listener, fiber
// allocates the announced length, up to BodyLimit, before the first byte.
// Nothing else changes for the routes of app. Bodies are still read before the
// handlers run, within BodyLimit and ReadTimeout, and the ErrorHandler responds
// to requests that exceed these limits. Multipart forms are parsed from memory
// when a handler requests them. An app that sets StreamRequestBody reads its
// bodies itself, as before.
//
// After a refused body the connection is closed as soon as the sender closes
// it, or after 600 ms. Without Listener, fiber closes at once, and the reset
// can overtake the response.
//
// Call Listener once, before app serves. For TLS, wrap the result with
// [tls.NewListener]. Listener panics if ln is itself a TLS listener.
func Listener(app *fiber.App, ln net.Listener) net.Listener {
	return fasthttpwh.Listener("fiberv3wh", app.Server(), ln)
}

type middleware struct {
	v    *core.Verifier
	deny func(fiber.Ctx, *core.Error) error
}

func (m *middleware) handle(c fiber.Ctx) error {
	defer fasthttpwh.CloseUnread(c.RequestCtx())
	d := fasthttpwh.Admit(c.Context(), m.v, c.RequestCtx(), (*app)(c.App()))
	if d.Answer() == nil {
		return next(c, d)
	}
	if refused := d.Refusal(); m.deny != nil && refused != nil {
		if err := m.deny(c, refused); err != nil || fasthttpwh.Written(c.RequestCtx()) { // the ErrorHandler renders the error
			return err
		}
	}
	fasthttpwh.Write(c.Response(), d.Answer())
	return nil // not an error: the ErrorHandler would overwrite the response
}

// next runs the handler and settles the message, also during a panic.
func next(c fiber.Ctx, d *core.Delivery) error {
	outer := c.Context()
	c.SetContext(d.Context())
	c.RequestCtx().SetUserValue(d.ContextValue()) // where net/http handlers in adaptor.HTTPHandler look
	status, returned := core.Failed, false
	defer func() {
		d.Settle(status)
		c.SetContext(outer) // our context ended with the handler
		if !returned && c.Response().StatusCode() < fiber.StatusMultipleChoices {
			c.Status(fiber.StatusInternalServerError) // for a panic that an upstream middleware recovers
		}
	}()
	err := c.Next()
	returned = true
	if err == nil { // an error becomes a response later, in the ErrorHandler
		status = fasthttpwh.Answered(c.RequestCtx())
	}
	return err
}

// app adapts a fiber application to fasthttpwh.
type app fiber.App

// ReadTimeout implements fasthttpwh.App.
func (a *app) ReadTimeout() time.Duration { return (*fiber.App)(a).Config().ReadTimeout }

// Prefork implements fasthttpwh.App.
func (*app) Prefork() string {
	if fiber.IsChild() {
		return "fiber.ListenConfig.EnablePrefork"
	}
	return ""
}
