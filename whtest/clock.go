package whtest

import (
	"sync"
	"time"
)

// Clock is a clock that moves only when a test sets or advances it. Use its Now
// method as Clock in a [core.Config]:
//
//	clock := whtest.NewClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
//	v, err := core.New(keys, seen, &core.Config{Clock: clock.Now})
//	clock.Advance(10 * time.Minute)
//
// I/O timeouts use the system clock and ignore the Clock. The zero Clock shows
// the zero [time.Time], at which no message can be signed: call [Clock.Set]
// first. A Clock is safe for concurrent use and must not be copied.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a Clock that shows t.
func NewClock(t time.Time) *Clock { return &Clock{now: t} }

// Now returns the time that the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Set makes the clock show t, which may be earlier than before.
func (c *Clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t
}

// Advance moves the clock by d, backwards if d is negative, and returns the new
// time.
func (c *Clock) Advance(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return c.now
}
