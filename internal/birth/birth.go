// Package birth is for stores with records outside the process. It determines
// the time from which such a store has all records. A marker is stored beside
// the records, and gets lost together with them. It contains the time at which
// the records begin. A store compares the marker in the same step as a claim,
// when a comparison is due.
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

// Attempts limits how many times one call of a store may find another marker.
// Each time, a process wrote a new marker after a loss of records.
const Attempts = 8

// Birth holds the marker that a store has read or made. The zero Birth has
// none. It is safe for concurrent use.
type Birth struct {
	began     time.Time // when the store began; zero: with the first comparison
	known     atomic.Pointer[Life]
	looked    atomic.Int64  // last comparison in Unix nanoseconds; zero: compare with the next claim
	writes    atomic.Int64  // how many times Resolve has written a marker
	resolving chan struct{} // held by the caller of meet
}

// Life is a marker that was read or made. A store writes and compares it as
// text or as a value.
type Life struct {
	Text  string     // the marker in decimal digits; empty: none yet
	Value core.Value // the same digits, in the first bytes

	// Text as a string and Value as bytes, converted to arguments once for all
	// calls.
	TextArg, ValueArg any

	marker int64 // Unix milliseconds
	since  time.Time
}

// Begin records that the store begins now, so no later records were lost
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

var none = Life{TextArg: "", ValueArg: make([]byte, len(core.Value{}))} //nolint:gochecknoglobals // a constant, but Go has no constant structs

// Due reports whether a claim that begins now must compare the marker, because
// no claim did within the interval. Comparing it with every claim would be too
// expensive.
func (b *Birth) Due(interval time.Duration) bool {
	now, last := time.Now().UnixNano(), b.looked.Load() //nolint:forbidigo // an interval of real time
	recent := last != 0 && last <= now && now < last+int64(interval)
	return !recent && b.looked.CompareAndSwap(last, now) || b.Known() == &none
}

// Look makes the next claim compare the marker. A store calls it after each
// error: after an outage, the engine may be a different one.
func (b *Birth) Look() { b.looked.Store(0) }

// Since returns the time from which the store has all records, or the zero
// time.
func (b *Birth) Since() time.Time { return b.Known().since }

// View is what a Birth knew at one moment.
type View struct {
	Life   *Life
	writes int64
}

// View returns what is known now, for a later [Birth.Resolve].
func (b *Birth) View() View {
	writes := b.writes.Load() // first: a write that ends now is then newer than the view
	return View{b.Known(), writes}
}

// Resolve handles found, the marker that a store found in the engine after v
// was known. found is zero if the engine has none. If the engine needs a new
// marker, Resolve calls write. Of many callers that find the same loss, one
// calls write, and the others wait for it. A marker that was found before the
// newest marker was written is ignored.
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

// meet compares found, the marker in the engine, with the known marker. found
// is zero if the engine has none. A later marker becomes the known marker. An
// earlier or absent marker means that records were lost, or that this is the
// first comparison. Then meet makes a new marker, and reports that the store
// must write it to the engine. Two calls must not overlap.
func (b *Birth) meet(found int64) (replace bool) {
	known, now := b.Known(), time.Now() //nolint:forbidigo // a marker is real time; core translates it
	next := &Life{marker: found, since: now.Add(Margin)}
	switch {
	case found == known.marker && found != 0:
		return false
	case found > known.marker: // another process made the marker
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

// Parse parses the text of a [Life]. An empty text means no marker.
func Parse(text string) (marker int64, ok bool) {
	if text == "" {
		return 0, true
	}
	marker, err := strconv.ParseInt(text, 10, 64)
	return marker, err == nil && marker > 0
}
