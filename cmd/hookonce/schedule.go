package main

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// schedule holds the wait before each attempt. After the end of the list, the
// last wait is repeated.
type schedule []time.Duration

// namedSchedule returns the example schedule of Standard Webhooks, or a shorter
// one.
func namedSchedule(name string) schedule {
	switch name {
	case "once":
		return schedule{0}
	case "standard":
		return schedule{
			0, 5 * time.Second, 5 * time.Minute, 30 * time.Minute,
			2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
		}
	case "fast":
		return schedule{0, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second}
	default:
		return nil
	}
}

func scheduleNames() []string { return []string{"once", "standard", "fast"} }

// parseSchedule reads a name or a list of durations.
func parseSchedule(text string) (schedule, error) {
	if s := namedSchedule(text); s != nil {
		return s, nil
	}
	var s schedule
	for part := range strings.SplitSeq(text, ",") {
		d, err := time.ParseDuration(part)
		if err != nil || d < 0 || d > maxWait {
			return nil, usageError("--schedule: " + didYouMean(part, scheduleNames()) + "choose once, standard, fast, or the wait before each attempt, at most 168h each, such as 0,1s,5s,1m")
		}
		s = append(s, d)
	}
	return s, nil
}

const maxWait = 7 * 24 * time.Hour

// before returns the wait before attempt i, counted from zero.
func (s schedule) before(i int) time.Duration { return s[min(i, len(s)-1)] }

// next returns the wait before attempt i, after a response with this status and
// Retry-After. For an overloaded receiver it returns the next longer wait of
// the schedule. The wait is never shorter than Retry-After, which counts up to
// maxWait.
func (s schedule) next(i, status int, retryAfter time.Duration, jitter float64) time.Duration {
	wait := s.before(i)
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusGatewayTimeout:
		wait = max(wait, s.before(i+1))
	}
	wait += time.Duration(float64(wait) * jitter * rand.Float64()) //nolint:gosec // spreads the load; not security-relevant
	return max(wait, min(retryAfter, maxWait))
}

// parseRetryAfter reads seconds or a date. It returns zero if text is neither.
func parseRetryAfter(text string, now time.Time) time.Duration {
	if n, err := strconv.Atoi(text); err == nil && n >= 0 {
		return min(time.Duration(min(n, int(maxWait/time.Second)))*time.Second, maxWait)
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}
