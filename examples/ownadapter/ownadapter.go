// Package ownadapter is a custom adapter, ready to copy. It is for tiny, a
// framework built on net/http whose handlers return errors.
// docs/writing-an-adapter.md explains it.
package ownadapter

import (
	"github.com/hookonce/hookonce/adapter"
	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/examples/ownadapter/tiny"
)

// Option changes the middleware that New returns.
type Option func(*denier)

// Deny sets the function that responds to refusals. err.Answer returns the
// default response.
func Deny(answer func(c *tiny.Ctx, err *core.Error) error) Option {
	return func(d *denier) { *d = answer }
}

// New returns the middleware. It panics if v is nil.
func New(v *core.Verifier, opts ...Option) tiny.Middleware {
	if v == nil {
		panic("ownadapter.New: the verifier is nil: check the error of core.New")
	}
	var deny denier
	for _, opt := range opts {
		opt(&deny)
	}
	return func(next tiny.Handler) tiny.Handler {
		return func(c *tiny.Ctx) error {
			x := adapter.Begin(v, c.Writer, c.Request)
			if x.Answer() != nil {
				return deny.refuse(c, x)
			}
			return run(c, x, next)
		}
	}
}

// Message returns the verified message of a request that the middleware
// admitted.
func Message(c *tiny.Ctx) core.Message {
	m, _ := core.FromContext(c.Request.Context())
	return m
}

// denier is the function that was passed to Deny.
type denier func(*tiny.Ctx, *core.Error) error

func (deny denier) refuse(c *tiny.Ctx, x *adapter.Exchange) (err error) {
	w := c.Writer
	defer func() { c.Writer = w }()
	written := deny != nil && x.Refuse(w, func(refused *core.Error) (written bool) {
		rec := x.Record(w)
		c.Writer = rec
		err = deny(c, refused)
		return rec.Status() != 0
	})
	if !written && err == nil { // an error is rendered by the framework
		x.Refuse(w, nil)
	}
	return err
}

func run(c *tiny.Ctx, x *adapter.Exchange, next tiny.Handler) error {
	w, r := c.Writer, c.Request
	rec := x.Record(w)
	c.Writer, c.Request = rec, x.Request
	defer func() {
		x.Request = c.Request // if a handler replaced it, the new request has the parsed form
		x.Finish(core.Failed) // after a panic or an error: success is settled below
		c.Writer, c.Request = w, r
	}()
	if err := next(c); err != nil {
		return err
	}
	if status := x.Finish(rec.Status()); rec.Status() == 0 {
		w.WriteHeader(status)
	}
	return nil
}
