package core

import "time"

// clock tells two times. Timestamps and records are compared with the
// configured one. Timeouts run on the real one.
type clock struct {
	configured func() time.Time // nil: the real time
}

// moment is one reading of a clock.
type moment struct{ at, real time.Time }

// now reads the clock only once if both times are the same. After the hash,
// clock readings are a large part of the cost of a message.
func (c clock) now() moment {
	now := time.Now() //nolint:forbidigo // timeouts run on real time
	if c.configured == nil {
		return moment{now, now}
	}
	return moment{c.configured(), now}
}

func (m moment) milli() int64 { return m.at.UnixMilli() }
