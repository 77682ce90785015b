package core

import (
	"context"
	"sync/atomic"
	"time"
)

// lazyContext has the values of another context, but not its cancellation, and
// a deadline of its own. It creates its timer and channel on the first call of
// Done: most handlers never call it.
type lazyContext struct {
	values   context.Context
	deadline time.Time // of the real clock

	real  atomic.Pointer[realContext]
	ended atomic.Bool
}

// init prepares a lazyContext that is embedded in another struct.
func (c *lazyContext) init(values context.Context, deadline time.Time) {
	c.values, c.deadline = values, deadline
}

// realContext is the part of a lazyContext that exists only after a call of
// Done.
type realContext struct {
	context.Context

	cancel context.CancelFunc
}

// Deadline implements context.Context.
func (c *lazyContext) Deadline() (time.Time, bool) { return c.deadline, true }

// Done implements context.Context.
func (c *lazyContext) Done() <-chan struct{} {
	return c.realize().Done()
}

func (c *lazyContext) realize() context.Context {
	if r := c.real.Load(); r != nil {
		return r
	}
	r := new(realContext)
	r.Context, r.cancel = context.WithDeadline(context.WithoutCancel(c.values), c.deadline)
	if !c.real.CompareAndSwap(nil, r) {
		r.cancel() // another goroutine stored one first
		return c.real.Load()
	}
	if c.ended.Load() { // either finish saw r, or ended is true here
		r.cancel()
	}
	return r
}

// over reports whether Err is not nil, for a caller that has just read the
// clock.
func (c *lazyContext) over(now time.Time) bool {
	if r := c.real.Load(); r != nil {
		return r.Err() != nil
	}
	return !now.Before(c.deadline)
}

// Err implements context.Context. It also detects expiry, for callers that
// never wait on Done.
func (c *lazyContext) Err() error {
	if c.real.Load() == nil && !c.ended.Load() && time.Until(c.deadline) > 0 {
		return nil
	}
	return c.realize().Err()
}

// Value implements context.Context.
func (c *lazyContext) Value(key any) any {
	if r := c.real.Load(); r != nil {
		return r.Value(key) // package context then finds the cancel function and needs no goroutine
	}
	return context.WithoutCancel(c.values).Value(key)
}

// finish cancels the context.
func (c *lazyContext) finish() {
	c.ended.Store(true)
	if r := c.real.Load(); r != nil {
		r.cancel()
	}
}

// handlerContext is the context of a delivery's handler, in which FromContext
// and Commit find the delivery.
type handlerContext Delivery

// Deadline implements context.Context.
func (c *handlerContext) Deadline() (time.Time, bool) { return c.ctx.Deadline() }

// Done implements context.Context.
func (c *handlerContext) Done() <-chan struct{} { return c.ctx.Done() }

// Err implements context.Context.
func (c *handlerContext) Err() error { return c.ctx.Err() }

// Value implements context.Context.
func (c *handlerContext) Value(key any) any {
	if _, ok := key.(deliveryKey); ok {
		return (*Delivery)(c)
	}
	return c.ctx.Value(key)
}

type deliveryKey struct{}

// FromContext returns the verified message of the request that ctx belongs to.
// It works with the request context of every supported framework. ok is false
// if no middleware of this module admitted the request. If ok is false, do not
// trust the request.
func FromContext(ctx context.Context) (m Message, ok bool) {
	if d := deliveryOf(ctx); d != nil {
		return d.Message()
	}
	return Message{}, false
}

func deliveryOf(ctx context.Context) *Delivery {
	d, _ := ctx.Value(deliveryKey{}).(*Delivery)
	return d
}

// ContextValue returns the key and value by which [FromContext] and [Commit]
// find the delivery. Use it for a framework whose request context stores values
// itself, as fiber's does.
func (d *Delivery) ContextValue() (key, value any) { return deliveryKey{}, d }
