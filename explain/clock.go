package explain

import "time"

// clock compares a signed time that verifies with the window.
func (s *search) clock(at time.Time) []step {
	if at.IsZero() || s.inside(at) {
		return nil
	}
	for _, unit := range []struct {
		at   time.Time
		what string
	}{
		{time.Unix(at.Unix()/1e3, 0), "the timestamp is in milliseconds where the scheme has seconds"},
		{time.Unix(at.Unix()/1e6, 0), "the timestamp is in microseconds where the scheme has seconds"},
		{time.Unix(at.UnixMilli(), 0), "the timestamp is in seconds where the scheme has milliseconds"},
	} {
		if year := 365 * 24 * time.Hour; unit.at.After(s.now.Add(-year)) && unit.at.Before(s.now.Add(year)) && !plausible(at, s.now) {
			steps := []step{{TimestampUnit, unit.what}}
			if !s.inside(unit.at) {
				steps = append(steps, s.late(unit.at))
			}
			return steps
		}
	}
	return []step{s.late(at)}
}

func plausible(at, now time.Time) bool {
	const decades = 20 * 365 * 24 * time.Hour
	return at.After(now.Add(-decades)) && at.Before(now.Add(decades))
}

func (s *search) inside(at time.Time) bool {
	return !at.Before(s.now.Add(-s.config.Past)) && !at.After(s.now.Add(s.config.Future))
}

// late says how far a signed time lies outside of the window, and in which direction.
func (s *search) late(at time.Time) step {
	// Compared as times first: a difference may overflow, and is then the largest there is.
	if at.After(s.now) {
		d := at.Sub(s.now)
		return step{TimestampFuture, "the signature verifies, but its time lies " + span(d) + " in the future, and " + span(s.config.Future) +
			" are allowed: clock skew, the clock here is behind or the sender's ahead" + zone(d)}
	}
	d := s.now.Sub(at)
	return step{TimestampPast, "the signature verifies, but it was made " + span(d) + " ago, and " + span(s.config.Past) +
		" are allowed: the message was re-sent after the window or came late, or by clock skew the clock here is ahead" + zone(d)}
}

// zone notices a difference of whole hours.
func zone(d time.Duration) string {
	if off := (d + 30*time.Minute).Truncate(time.Hour) - d; off.Abs() <= time.Minute && d >= 50*time.Minute && d <= 15*time.Hour {
		return "; whole hours look like a time zone that was taken for another"
	}
	return ""
}
