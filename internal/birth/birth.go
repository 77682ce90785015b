// Package birth is for stores with records outside the process. It tells since
// when such a store has all records. A marker beside the records has the time
// of their beginning, and gets lost together with them. A store compares the
// marker in the same step as a claim, when that is due.
package birth

import (
	"context"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/hookonce/hookonce/core"
)

// Margin is added to the time of a loss. It allows for the clocks of other
// processes and for timestamps of whole seconds.
const Margin = 10 * time.Second

// Attempts bounds how often one call of a store may find another marker. Each
// time a process made a new one, after a loss of records.
const Attempts = 8

// Birth is what a store knows about the marker. The zero Birth has seen none.
// It is safe for concurrent use.
type Birth struct {
	began     time.Time // when the store began; zero: with the first look
	known     atomic.Pointer[Life]
	looked    atomic.Int64  // last look in Unix nanoseconds; zero: look with the next claim
	writes    atomic.Int64  // how often Resolve has written a marker
	resolving chan struct{} // held by the caller of meet
}

// Life is a marker that was read or made. A store writes and compares it as
// text or as a value.
type Life struct {
	Text  string     // the marker in decimal digits; empty: none yet
	Value core.Value // the same in the first bytes

	// Text as a string and Value as bytes, converted to arguments once for all
	// calls.
	TextArg, ValueArg any

	marker int64 // Unix milliseconds
	since  time.Time
}

// Begin says that the store begins now, so later records cannot have been lost
// before. Call it once, before any other method.
func (b *Birth) Begin() {
	b.began = time.Now() //nolint:forbidigo // a marker is real time
	b.resolving = make(chan struct{}, 1)
}

// Known returns the newest marker that was read or made.
func (b *Birth) Known() *Life {
	if l := b.known.Load(); l != nil {
		return l
	}
	return &none
}

var none = Life{TextArg: "", ValueArg: make([]byte, len(core.Value{}))} //nolint:gochecknoglobals // a constant, which Go has none of for pointers

// Due reports whether a claim that begins now must compare the marker, because
// none did within the interval. Comparing it with every claim would cost too
// much.
func (b *Birth) Due(interval time.Duration) bool {
	now, last := time.Now().UnixNano(), b.looked.Load() //nolint:forbidigo // an interval of real time
	recent := last != 0 && last <= now && now < last+int64(interval)
	return !recent && b.looked.CompareAndSwap(last, now) || b.Known() == &none
}

// Look makes the next claim due. A store calls it after each error: after an
// outage, the engine may be another one.
func (b *Birth) Look() { b.looked.Store(0) }

// Since returns the time since when the store has all records, or the zero
// time.
func (b *Birth) Since() time.Time { return b.Known().since }

// View is what a Birth knew at a moment.
type View struct {
	Life   *Life
	writes int64
}

// View returns what is known now, for a later [Birth.Resolve].
func (b *Birth) View() View {
	writes := b.writes.Load() // first: a write that ends now is then newer than the view
	return View{b.Known(), writes}
}

// Resolve handles a marker, zero for none, that a store found in the engine
// after v was known. If the engine needs a new marker, Resolve has write put it
// there. Of many callers that find the same loss, one does so, and the others
// wait for it. A marker that was found before the newest one was written means
// nothing.
func (b *Birth) Resolve(ctx context.Context, v View, found int64, write func(context.Context, *Life) error) error {
	select {
	case b.resolving <- struct{}{}:
		defer func() { <-b.resolving }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if b.writes.Load() != v.writes || b.Known() != v.Life || !b.meet(found) {
		return nil
	}
	defer b.writes.Add(1)
	return write(ctx, b.Known())
}

// meet compares the marker that the engine holds, zero for none, with the known
// one. A later marker becomes the known one. An earlier or absent one means
// that records are gone, or that this is the first time. Then meet makes a new
// marker, and reports that the store must write it to the engine. Two calls
// must not overlap.
func (b *Birth) meet(found int64) (replace bool) {
	known, now := b.Known(), time.Now() //nolint:forbidigo // a marker is real time; core translates it
	next := &Life{marker: found, since: now.Add(Margin)}
	switch {
	case found == known.marker && found != 0:
		return false
	case found > known.marker: // another process made it
	case known.marker == 0 && !b.began.IsZero():
		next.marker = b.began.UnixMilli()
	case known.marker == 0:
		next.marker = now.UnixMilli()
	default:
		next.marker = max(known.marker+1, next.since.UnixMilli())
	}
	// The loss happened before now, whatever the clock of the process that made the marker says.
	if at := time.UnixMilli(next.marker); at.Before(next.since) {
		next.since = at
	}
	next.Text = strconv.FormatInt(next.marker, 10)
	copy(next.Value[:], next.Text)
	next.TextArg, next.ValueArg = next.Text, next.Value[:]
	b.known.Store(next)
	return next.marker != found
}

// Parse parses the text of a [Life]. An empty text is no marker.
func Parse(text string) (marker int64, ok bool) {
	if text == "" {
		return 0, true
	}
	marker, err := strconv.ParseInt(text, 10, 64)
	return marker, err == nil && marker > 0
}
