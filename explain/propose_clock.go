package explain

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hookonce/hookonce/core"
)

// A time can be wrong in two ways. If the scheme cannot read it, or it is far outside the
// tolerance, it may have another unit or form: stamps proposes those. If it verifies but is outside
// the tolerance, nothing is undone: clock describes it.

// stamps rewrites a timestamp in the forms that schemes read. It is unknown
// which form the sender signed, so each form is proposed twice: signed as it
// arrived, and signed as it is rewritten. A time that is already acceptable is
// not rewritten.
func (s *scene) stamps(h *head) (all []head) {
	// Without a signed time there is nothing to rewrite.
	if st := h.scheme.Stamping(); st != core.StampedOnce && st != core.StampedEachAttempt {
		return nil
	}
	a := new(core.Attempt)
	if err := h.scheme.ReadHeader(&h.req, a); err == nil && (a.Timestamp.IsZero() || s.inside(a.Timestamp)) {
		return nil
	}
	for _, name := range reads(h.facts, h.req.Header) {
		// Repeated headers are another mistake; duplicated undoes that.
		if values := h.req.Header.Values(name); len(values) == 1 && len(values[0]) <= maxHeader {
			for _, token := range timeTokens(values[0]) {
				// A number far from today is an id or a counter.
				if at, number := parseTime(token); !at.IsZero() && plausible(at, s.now) {
					all = append(all, rewritten(h, name, values[0], token, at, number)...)
				}
			}
		}
	}
	return all
}

// rewritten returns the heads in which a token of a header's value is written
// in each other form.
func rewritten(h *head, name, value, token string, at time.Time, number bool) (all []head) {
	for _, form := range []string{
		strconv.FormatInt(at.Unix(), 10), strconv.FormatInt(at.UnixMilli(), 10), at.UTC().Format(time.RFC3339),
	} {
		// The form that arrived was tried already.
		if form == token {
			continue
		}
		// A number that becomes another number has another unit. Any other change is a format.
		mistake, what := timestampFormat, "the timestamp in "+name+" is not in the scheme's form"
		if number && !strings.Contains(form, ":") {
			mistake, what = timestampUnit, "the timestamp in "+name+" is not in the scheme's unit"
		}
		n := h.with(name, []string{strings.Replace(value, token, form, 1)}, mistake, what)
		// n signs the rewritten text. signed keeps the token in the signed content.
		signed := n
		signed.swaps = append(slices.Clone(n.swaps), swap{form, token})
		all = append(all, n, signed)
	}
	return all
}

// timeTokens returns what may be a time in a header value: the whole value, or
// the value of a key as in "t=…,v1=…". There are at most eight, because each is
// parsed in many layouts.
func timeTokens(v string) []string {
	tokens := []string{v}
	for entry := range strings.FieldsFuncSeq(v, func(r rune) bool { return r == ',' || r == ';' }) {
		if _, value, ok := strings.Cut(entry, "="); ok && len(value) <= 40 {
			tokens = append(tokens, value)
		}
	}
	return tokens[:min(len(tokens), 8)]
}

// parseTime reads a number of any unit, or a date. The number of digits gives
// the unit: seconds have at most 11 until the year 5138. number is false for
// fractions, which are another form, not another unit.
func parseTime(token string) (at time.Time, number bool) {
	// Python's time.time() writes a fraction.
	if whole, fraction, ok := strings.Cut(token, "."); ok && isDigits(whole) && isDigits(fraction) {
		at, _ = parseTime(whole)
		return at, false
	}
	if n, err := strconv.ParseInt(strings.TrimSpace(token), 10, 64); err == nil && isDigits(strings.TrimSpace(token)) {
		// Current times have 10, 13, 16 and 19 digits in the four units.
		switch digits := len(strings.TrimSpace(token)); {
		case digits <= 11:
			return time.Unix(n, 0), true
		case digits <= 14:
			return time.UnixMilli(n), true
		case digits <= 17:
			return time.UnixMicro(n), true
		default:
			return time.Unix(0, n), true
		}
	}
	for _, layout := range []string{
		time.RFC3339Nano, time.RFC1123, time.RFC1123Z, "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05", "2006-01-02T15:04:05.999999999",
		"2006-01-02T15:04:05.999999999-0700", time.RFC850, time.ANSIC,
	} {
		if at, err := time.Parse(layout, token); err == nil {
			return at, false
		}
	}
	return time.Time{}, false
}

// isDigits reports whether a text is not empty and all ASCII digits.
func isDigits(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool { return r < '0' || r > '9' })
}

// clock describes a verified time that is outside the tolerance. If a time is
// off by decades and another unit gives a date within a year, the unit is wrong
// rather than the clock.
func (s *scene) clock(at time.Time) []step {
	if at.IsZero() || s.inside(at) {
		return nil
	}
	for _, unit := range []struct {
		at   time.Time
		what string
	}{
		{time.Unix(at.Unix()/1e3, 0), "the timestamp is in milliseconds, but the scheme uses seconds"},
		{time.Unix(at.Unix()/1e6, 0), "the timestamp is in microseconds, but the scheme uses seconds"},
		{time.Unix(at.UnixMilli(), 0), "the timestamp is in seconds, but the scheme uses milliseconds"},
	} {
		// The other unit must give a recent time, and this one an absurd time. Only both together
		// show the unit.
		if year := 365 * 24 * time.Hour; unit.at.After(s.now.Add(-year)) && unit.at.Before(s.now.Add(year)) && !plausible(at, s.now) {
			steps := []step{{timestampUnit, unit.what}}
			if !s.inside(unit.at) {
				steps = append(steps, s.late(unit.at))
			}
			return steps
		}
	}
	return []step{s.late(at)}
}

// plausible reports whether a time is within decades of now. A wrong unit is
// off by a factor of a thousand, so it never is.
func plausible(at, now time.Time) bool {
	const decades = 20 * 365 * 24 * time.Hour
	return at.After(now.Add(-decades)) && at.Before(now.Add(decades))
}

// inside reports whether a time is within the tolerance, with both ends
// included as in the verifier.
func (s *scene) inside(at time.Time) bool {
	return !at.Before(s.now.Add(-s.config.Past)) && !at.After(s.now.Add(s.config.Future))
}

// late says how far a signed time is outside the tolerance, and in which
// direction.
func (s *scene) late(at time.Time) step {
	// Sub saturates for distant times, so the direction comes from After, not from the sign.
	if at.After(s.now) {
		d := at.Sub(s.now)
		return step{timestampFuture, "the signature verifies, but its time is " + span(d) + " in the future, and only " + span(s.config.Future) + " are " +
			"allowed. This is clock skew: the clock here is behind, or the sender's is ahead" + zone(d)}
	}
	d := s.now.Sub(at)
	return step{timestampPast, "the signature verifies, but it was made " + span(d) + " ago, and only " + span(s.config.Past) + " are allowed: the message was " +
		"re-sent too late, arrived late, or the clock here is ahead of the sender's (clock skew)" + zone(d)}
}

// zone recognizes differences that time zones produce: whole hours, half hours,
// and the three zones with quarter hours. A minute of deviation allows for the
// delivery. More than 15 hours is not a time zone, and less than 29 minutes is
// a late message.
func zone(d time.Duration) string {
	const near, half, quarter = time.Minute, 30 * time.Minute, 15 * time.Minute
	if d < half-near || d > 15*time.Hour {
		return ""
	}
	// Time zones differ by multiples of a quarter of an hour.
	switch off := d.Round(quarter) - d; {
	case off.Abs() > near:
		return ""
	case d.Round(quarter)%time.Hour == 0:
		return "; whole hours suggest that one time zone was taken for another"
	case d.Round(quarter)%half == 0:
		return "; a half hour suggests that one time zone was taken for another, such as India's"
	case slices.Contains([]time.Duration{5*time.Hour + 3*quarter, 8*time.Hour + 3*quarter, 12*time.Hour + 3*quarter}, d.Round(quarter)):
		return "; this suggests that the time zone of Nepal, Eucla or the Chatham Islands was taken for another"
	default:
		return ""
	}
}

// span formats a duration for people. Days are rounded down, so that a limit of
// two days is not called three.
func span(d time.Duration) string {
	if d < 0 {
		d = -d
	}
	switch {
	case d >= 48*time.Hour:
		return strconv.Itoa(int(d/(24*time.Hour))) + " days"
	case d >= time.Minute:
		return d.Round(time.Second).String()
	default:
		return d.Round(time.Millisecond).String()
	}
}
