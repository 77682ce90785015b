// Package group sends calls to a database engine in groups that share a round
// trip and a commit. While few groups are in flight, a call is sent at once.
// Otherwise calls wait until a group returns, and are then sent together.
package group

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"
)

// patience is the maximum time a call waits for others to return. It bounds the
// delay that a hanging group causes for later calls.
const patience = 20 * time.Millisecond

// enough is the size at which a group is sent even if many groups are in
// flight.
const enough = 8

// Line is the queue in which calls wait. Set its fields before the first call.
// It is safe for concurrent use. It has no goroutine while no call waits or is
// in flight.
type Line[T any] struct {
	// Send makes the calls of a group and stores the result of each in it. A
	// call that need not wait is sent in the goroutine of its caller, with the
	// caller's context. For a group of calls that waited, the context ends when
	// its last caller has left. If Send panics for such a group, its calls stay
	// as Send left them.
	Send func(ctx context.Context, group []T)

	Width int // how many groups may be in flight before calls wait
	Most  int // the maximum number of calls in a group

	mu      sync.Mutex
	flying  int // groups in flight
	larger  int // groups in flight with several calls
	waiting []*call[T]
	timer   *time.Timer // fires for the first call in the queue
}

// call is a waiting call.
type call[T any] struct {
	item  T
	ctx   context.Context //nolint:containedctx // of the waiting caller
	since time.Time
	group *flight       // nil while the call is in the queue; guarded by Line.mu
	done  chan struct{} // closed after Send
}

// flight is a group that was sent.
type flight struct {
	callers int // number of callers that wait for it; guarded by Line.mu
	cancel  context.CancelFunc
}

// Do makes a call. It returns nil after Send has returned. If ctx ends earlier,
// it returns the error of ctx. In that case it is unknown whether the call
// happens, and item must not be read.
func (l *Line[T]) Do(ctx context.Context, item T) error {
	l.mu.Lock()
	if len(l.waiting) == 0 && (l.idle() || l.flying < l.Width && l.larger == 0) {
		l.flying++
		l.mu.Unlock()
		defer l.land(1)
		l.Send(ctx, []T{item})
		return nil
	}
	c := &call[T]{item: item, ctx: ctx, since: time.Now(), done: make(chan struct{})} //nolint:forbidigo // an interval of real time
	l.waiting = append(l.waiting, c)
	if len(l.waiting) == 1 {
		l.watch(patience)
	}
	l.next()
	l.mu.Unlock()
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		l.leave(c)
		return ctx.Err()
	}
}

// leave removes a call from the queue, or from its group. The context of a
// group in flight ends with its last caller.
func (l *Line[T]) leave(c *call[T]) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.group != nil {
		if c.group.callers--; c.group.callers == 0 {
			c.group.cancel()
		}
	} else if i := slices.Index(l.waiting, c); i >= 0 {
		l.waiting = slices.Delete(l.waiting, i, i+1)
	}
}

// land counts a group of n calls as returned.
func (l *Line[T]) land(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flying--
	if n > 1 {
		l.larger--
	}
	l.next()
}

// next sends the calls in the queue if it is their turn.
func (l *Line[T]) next() {
	if l.idle() || l.flying < l.Width && len(l.waiting) >= enough {
		l.launch()
	}
}

// idle reports whether few groups are in flight.
func (l *Line[T]) idle() bool { return 2*l.flying < l.Width }

// launch sends the first calls in the queue.
func (l *Line[T]) launch() {
	n := min(len(l.waiting), l.Most)
	if n == 0 {
		return
	}
	group := slices.Clone(l.waiting[:n])
	l.waiting = slices.Delete(l.waiting, 0, n)
	if len(l.waiting) > 0 {
		l.watch(patience - time.Since(l.waiting[0].since))
	}
	ctx, cancel := Last(group, func(c *call[T]) context.Context { return c.ctx })
	f := &flight{n, cancel}
	for _, c := range group {
		c.group = f
	}
	l.flying++
	if n > 1 {
		l.larger++
	}
	go l.fly(ctx, f, group)
}

func (l *Line[T]) fly(ctx context.Context, f *flight, group []*call[T]) {
	defer l.land(len(group))
	defer func() {
		_ = recover() // in this goroutine a panic would end the program
		f.cancel()
		for _, c := range group {
			close(c.done)
		}
		runtime.Gosched() // let callers that return at once join the next group
	}()
	items := make([]T, len(group))
	for i, c := range group {
		items[i] = c.item
	}
	l.Send(ctx, items)
}

// Last returns a context that ends when all callers have given up. The function
// of returns a caller's context.
func Last[T any](callers []T, of func(T) context.Context) (context.Context, context.CancelFunc) {
	var last time.Time
	for _, c := range callers {
		end, ok := of(c).Deadline()
		if !ok {
			return context.WithCancel(context.Background())
		}
		if end.After(last) {
			last = end
		}
	}
	return context.WithDeadline(context.Background(), last)
}

// watch schedules a call of look for the first call in the queue.
func (l *Line[T]) watch(d time.Duration) {
	if l.timer == nil {
		l.timer = time.AfterFunc(d, l.look)
	} else {
		l.timer.Reset(d)
	}
}

// look sends the calls that have waited too long, regardless of how many groups
// are in flight.
func (l *Line[T]) look() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) == 0 {
		return
	}
	if left := patience - time.Since(l.waiting[0].since); left > 0 {
		l.watch(left)
		return
	}
	l.launch()
}
