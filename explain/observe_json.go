package explain

import (
	"bytes"
	"strconv"
)

const (
	// maxSeen bounds, in bytes, the JSON whose style is checked. The check
	// rewrites the JSON outside the budget.
	maxSeen = 256 << 10
	// manyOrders is how many orders the members must allow before sorted ones
	// are no accident: 8!, the orders of eight members.
	manyOrders = 8 * maxOrders
	// maxExact is the number of digits that a float64 can keep.
	maxExact = 17
)

// unless qualifies the observation that a program seems to have rewritten JSON.
// The observation is not a proof: the sender itself may write JSON this way.
const unless = ". If the sender does not write JSON this way, something parsed and rewrote the body. If it does, the configured secret is probably wrong"

// observeRewritten looks for JSON as few senders write it. It comes before the
// address, because it is the stronger hint.
func (s *search) observeRewritten(_ error, add func(Mistake, string)) {
	switch body := s.req.Body; {
	case s.facts.Fetches || len(body) > maxSeen || !looksLikeJSON(body): // SNS sorts its envelope
	// Lost digits are the stronger sign: few senders write such numbers on purpose.
	case rounded(body):
		add(bodyNumbers, "a whole number in the JSON ends in zeros, as if it had lost its last digits in a float64"+unless)
	case allSorted(body):
		add(bodyKeyOrder, "the members of every JSON object are sorted, and there are too many members for a coincidence"+unless)
	}
}

// observeStyle looks for the style of a library. Senders use the same
// libraries, so it comes late.
func (s *search) observeStyle(_ error, add func(Mistake, string)) {
	switch body := s.req.Body; {
	case s.facts.Fetches || len(body) > maxSeen || !looksLikeJSON(body):
	case escapedAsGo(body):
		add(bodyEscapes, "<, > or & is escaped in the JSON, as Go's encoding/json does"+unless)
	case spacedAsPython(body):
		add(bodyReformatted, "the JSON has a space after each comma and colon, as Python's json.dumps writes it"+unless)
	}
}

// allSorted reports whether every object is sorted, and the members have too
// many orders for chance.
func allSorted(body []byte) bool {
	all, ok := objects(body)
	count := 1
	walk(all, func(o *object) {
		if !isSorted(o) {
			ok = false
		}
		// The factorial of the members, cut off at manyOrders so that it cannot overflow.
		for i := 2; i <= len(o.members) && count < manyOrders; i++ {
			count *= i
		}
	})
	return ok && count >= manyOrders
}

// rounded looks for a whole number with more digits than a float64 keeps, and
// with exactly the digits that a float64 prints. Such numbers end in zeros.
func rounded(body []byte) bool {
	found := false
	// restyle only serves to visit every number; its result is not used.
	restyle(body, style{number: func(dst, token []byte) []byte {
		digits := bytes.TrimLeft(token, "-")
		if len(digits) > maxExact && isDigits(string(digits)) && bytes.HasSuffix(digits, []byte("00")) {
			// A float64 prints exactly this text, so the number may have been one.
			f, err := strconv.ParseFloat(string(token), 64)
			found = found || err == nil && strconv.FormatFloat(f, 'f', -1, 64) == string(token)
		}
		return dst
	}})
	return found
}

// escapedAsGo looks for the escapes that Go's encoding/json writes by default.
func escapedAsGo(body []byte) bool {
	for _, escape := range []string{`\u003c`, `\u003e`, `\u0026`} {
		if bytes.Contains(body, []byte(escape)) {
			return true
		}
	}
	return false
}

// spacedAsPython requires three separators: fewer may be an accident.
func spacedAsPython(body []byte) bool {
	// Rewriting in the style must change nothing.
	spaced := restyle(body, style{spacing: &spacing{"", ": ", ", "}})
	return string(spaced) == string(body) && bytes.Count(body, []byte(`": `))+bytes.Count(body, []byte(", ")) >= 3
}

// asJavaScript reports whether JSON is written exactly as JSON.stringify writes
// it. Most senders write JSON that way too, so this is a hint, not a finding.
func asJavaScript(body []byte) bool {
	// A line break in the first bytes shows other formatting, without a rewriting to find out.
	if len(body) > maxSeen || !looksLikeJSON(body) || bytes.ContainsAny(body[:min(len(body), 64)], "\r\n") {
		return false
	}
	plain := restyle(body, style{spacing: &spacing{"", ":", ","}, text: escapes{raw, raw, raw, raw}.text, number: float})
	return plain != nil && string(plain) == string(body)
}
