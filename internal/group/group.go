// Package group sends calls to an engine in groups, which share a round trip
// and a commit. A call goes at once while few are on their way. Beyond that
// calls wait for one that returns, and go together.
package group

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"
)

// patience is how long a call waits for others to return. It bounds what a
// group that hangs costs the calls behind it.
const patience = 20 * time.Millisecond

// enough is how many calls a group has before it goes while much is on its way.
const enough = 8

// Line is where calls wait. Its fields are set before the first call. It is
// safe for concurrent use. It has no goroutine while no call waits or is on its
// way.
type Line[T any] struct {
	// Send makes the calls of a group and puts what became of each into it. A
	// call that does not wait is sent by its caller, with the caller's context.
	// The context of others ends when the last caller has left. If Send panics
	// for them, the calls are as it left them.
	Send func(ctx context.Context, group []T)

	Width int // how many groups are on their way before calls wait
	Most  int // how many calls a group has at most

	mu      sync.Mutex
	flying  int // groups on their way
	larger  int // of these, groups of several calls
	waiting []*call[T]
	timer   *time.Timer // for the first in line
}

// call is a call that has to wait.
type call[T any] struct {
	item  T
	ctx   context.Context //nolint:containedctx // of the caller, who waits
	since time.Time
	group *flight       // nil while it is in line; guarded by Line.mu
	done  chan struct{} // closed after Send
}

// flight is a group on its way.
type flight struct {
	callers int // who wait for it; guarded by Line.mu
	cancel  context.CancelFunc
}

// Do makes a call. It returns nil when Send has returned. If ctx ends before,
// it returns the error of ctx, nobody knows whether the call happens, and item
// must not be read.
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

// leave takes a call out of the line. A group on its way ends with its last
// caller.
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

// land is called when a group of n calls has returned.
func (l *Line[T]) land(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flying--
	if n > 1 {
		l.larger--
	}
	l.next()
}

// next sends those in line if it is their turn.
func (l *Line[T]) next() {
	if l.idle() || l.flying < l.Width && len(l.waiting) >= enough {
		l.launch()
	}
}

// idle reports that little is on its way.
func (l *Line[T]) idle() bool { return 2*l.flying < l.Width }

// launch sends those at the head of the line.
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
		_ = recover() // in this goroutine it would end the program
		f.cancel()
		for _, c := range group {
			close(c.done)
		}
		runtime.Gosched() // who comes again at once is in the next group
	}()
	items := make([]T, len(group))
	for i, c := range group {
		items[i] = c.item
	}
	l.Send(ctx, items)
}

// Last returns a context that ends when the last of the callers gives up, if
// all do. of is the context of a caller.
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

// watch has a look at the first in line after a while.
func (l *Line[T]) watch(d time.Duration) {
	if l.timer == nil {
		l.timer = time.AfterFunc(d, l.look)
	} else {
		l.timer.Reset(d)
	}
}

// look sends who have waited for too long, whatever else is on its way.
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
