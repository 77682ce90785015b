package core

import "time"

// clock has two times. Timestamps and records are compared with the configured
// time. Timeouts use real time.
type clock struct {
	configured func() time.Time // nil: the real time
}

// moment is one reading of a clock: the configured time, and the real time.
type moment struct{ at, real time.Time }

// now reads the clock only once if both times are the same. Next to the hash,
// clock readings are a large part of the cost of a message.
func (c clock) now() moment {
	now := time.Now() //nolint:forbidigo // timeouts run on real time
	if c.configured == nil {
		return moment{now, now}
	}
	return moment{c.configured(), now}
}

func (m moment) milli() int64 { return m.at.UnixMilli() }
