package core

import (
	"context"
	"sync"
	"time"
)

// lazyContext has the values of another context and a deadline of its own. It makes a timer and a channel only when
// somebody waits for it: most handlers never do.
type lazyContext struct {
	values   context.Context
	deadline time.Time
	delivery *Delivery // what FromContext and Commit find, nil in contexts of store calls

	mu     sync.Mutex
	real   context.Context
	cancel context.CancelFunc
	ended  bool
}

// init gives c the values of ctx, which is never cancelled itself.
func (c *lazyContext) init(ctx context.Context, timeout time.Duration) {
	c.values = ctx
	c.deadline = time.Now().Add(timeout) //nolint:forbidigo // a deadline is real time by its nature, not the configured clock's
}

// Deadline implements context.Context.
func (c *lazyContext) Deadline() (time.Time, bool) { return c.deadline, true }

// Done implements context.Context.
func (c *lazyContext) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.realLocked().Done()
}

func (c *lazyContext) realLocked() context.Context {
	if c.real == nil {
		c.real, c.cancel = context.WithDeadline(c.values, c.deadline)
		if c.ended {
			c.cancel()
		}
	}
	return c.real
}

// Err implements context.Context. Expiry is found here too, for callers that only ask and never wait.
func (c *lazyContext) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.real == nil && (c.ended || time.Until(c.deadline) <= 0) {
		c.realLocked()
	}
	if c.real == nil {
		return nil
	}
	return c.real.Err()
}

// Value implements context.Context.
func (c *lazyContext) Value(key any) any {
	if _, ok := key.(deliveryKey); ok && c.delivery != nil {
		return c.delivery
	}
	c.mu.Lock()
	values := c.values
	if c.real != nil {
		values = c.real // so that package context finds the canceller and needs no goroutine
	}
	c.mu.Unlock()
	return values.Value(key)
}

// finish cancels what waits for the context, as the end of a request does.
func (c *lazyContext) finish() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	if c.cancel != nil {
		c.cancel()
	}
}

type deliveryKey struct{}

// FromContext returns the verified message of the request that ctx belongs to. It works on the request context of every
// framework. ok is false when no middleware of this module admitted the request: do not act on it then.
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

// ContextValue returns the pair under which [FromContext] and [Commit] find the delivery, for a framework whose request context
// keeps values in a store of its own, as fiber's does.
func (d *Delivery) ContextValue() (key, value any) { return deliveryKey{}, d }
