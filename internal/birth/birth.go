// Package birth tells the stores whose records live outside of the process
// since when these know all. A marker beside the records says when they began,
// and gets lost with them. A store compares it in the step that claims, when
// that is due.
package birth

import (
	"strconv"
	"sync/atomic"
	"time"

	"github.com/hookonce/hookonce/core"
)

// Margin is added to the time of a loss, for the clocks of other processes and
// for timestamps of whole seconds.
const Margin = 10 * time.Second

// Birth is what a store knows of the marker. The zero Birth has not seen any.
// It is safe for concurrent use, apart from [Birth.Meet].
type Birth struct {
	began  time.Time // of the store; zero: the first look is the beginning
	known  atomic.Pointer[Life]
	looked atomic.Int64 // Unix nanoseconds; zero: look with the next claim
}

// Life is a marker that was seen or made. A store makes it, and compares it, as
// text or as a value.
type Life struct {
	Text  string     // the marker in decimal digits; empty: none was seen yet
	Value core.Value // the same, in the first bytes

	// The same as a string and as bytes, made arguments once for all calls.
	TextArg, ValueArg any

	marker int64 // Unix milliseconds
	since  time.Time
}

// Begin says that the store begins now, before any look: what comes later was
// not lost before. It is called once, before all else.
func (b *Birth) Begin() { b.began = time.Now() } //nolint:forbidigo // a marker is real time

// Known returns the newest marker that was seen or made.
func (b *Birth) Known() *Life {
	if l := b.known.Load(); l != nil {
		return l
	}
	return &none
}

var none = Life{TextArg: "", ValueArg: make([]byte, len(core.Value{}))} //nolint:gochecknoglobals // a constant, which Go has none of for pointers

// Due reports whether a claim that begins now has to compare the marker: nobody
// did within the interval. To compare it with each claim would cost too much.
func (b *Birth) Due(interval time.Duration) bool {
	now, last := time.Now().UnixNano(), b.looked.Load() //nolint:forbidigo // an interval of real time
	recent := last != 0 && last <= now && now < last+int64(interval)
	return !recent && b.looked.CompareAndSwap(last, now) || b.Known() == &none
}

// Look makes the next claim due. A store calls it after each error: the engine
// may be another one when it answers again.
func (b *Birth) Look() { b.looked.Store(0) }

// Since returns the time since when the store knows all, or the zero time.
func (b *Birth) Since() time.Time { return b.Known().since }

// Meet takes the marker that the engine was found to hold, zero for none, and
// makes it the known one if it is later. If not, records are gone, or it is the
// first time: then the known marker is a new one, and Meet reports that the
// engine has to be given it. Two calls must not overlap.
func (b *Birth) Meet(found int64) (replace bool) {
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
	// What is lost was lost by now, whatever the clock of the process was that made the marker.
	if at := time.UnixMilli(next.marker); at.Before(next.since) {
		next.since = at
	}
	next.Text = strconv.FormatInt(next.marker, 10)
	copy(next.Value[:], next.Text)
	next.TextArg, next.ValueArg = next.Text, next.Value[:]
	b.known.Store(next)
	return next.marker != found
}

// Parse reads a marker as [Life] writes it. No text is no marker.
func Parse(text string) (marker int64, ok bool) {
	if text == "" {
		return 0, true
	}
	marker, err := strconv.ParseInt(text, 10, 64)
	return marker, err == nil && marker > 0
}
