package core

import "time"

// clock tells the time twice over: as it was configured, which stamps and
// records are compared with, and as it is, which timeouts run on.
type clock struct {
	configured func() time.Time // nil: as it is
}

// moment is one reading of a clock.
type moment struct{ at, real time.Time }

// now reads both at once where they are the same: a reading is a large part of
// what a message costs besides its hash.
func (c clock) now() moment {
	now := time.Now() //nolint:forbidigo // timeouts run on real time
	if c.configured == nil {
		return moment{now, now}
	}
	return moment{c.configured(), now}
}

func (m moment) milli() int64 { return m.at.UnixMilli() }
