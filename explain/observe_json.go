package explain

import (
	"bytes"
	"strconv"
)

const (
	// maxSeen bounds the JSON whose style is looked at: it is written anew for
	// that, outside of the budget.
	maxSeen = 256 << 10
	// manyOrders is how many orders the members must allow for it to be no
	// accident that they are sorted: those of eight members.
	manyOrders = 8 * maxOrders
	// maxExact is how many digits of a number a float64 keeps.
	maxExact = 17
)

// unless is what must be said of JSON that looks as if a program wrote it
// again. None of this is proof: the sender itself may write JSON so.
const unless = ": if the sender does not write it so, something parsed it and wrote it again; else the secret is another one"

// observeRewritten goes by what few senders write: it says more than that an
// address may have been changed.
func (s *search) observeRewritten(_ error, add func(Mistake, string)) {
	switch body := s.req.Body; {
	case s.facts.Fetches || len(body) > maxSeen || !looksLikeJSON(body): // SNS sorts its envelope
	case rounded(body):
		add(bodyNumbers, "a whole number in the JSON has the zeros of one that passed through a float64, so digits of it are lost"+unless)
	case allSorted(body):
		add(bodyKeyOrder, "the members of every JSON object are sorted, which is no accident of so many"+unless)
	}
}

// observeStyle goes by the style of a library, which a sender may use as well.
func (s *search) observeStyle(_ error, add func(Mistake, string)) {
	switch body := s.req.Body; {
	case s.facts.Fetches || len(body) > maxSeen || !looksLikeJSON(body):
	case escapedAsGo(body):
		add(bodyEscapes, "<, > or & is escaped in the JSON, as Go's encoding/json does"+unless)
	case spacedAsPython(body):
		add(bodyReformatted, "the JSON has a space behind each comma and colon, as Python's json.dumps writes it"+unless)
	}
}

// allSorted says that every object is sorted, and that there are more orders
// than chance explains.
func allSorted(body []byte) bool {
	all, ok := objects(body)
	count := 1
	walk(all, func(o *object) {
		if !isSorted(o) {
			ok = false
		}
		for i := 2; i <= len(o.members) && count < manyOrders; i++ {
			count *= i
		}
	})
	return ok && count >= manyOrders
}

// rounded looks for a whole number with more digits than a float64 has, which
// is exactly what one prints.
func rounded(body []byte) bool {
	found := false
	restyle(body, style{number: func(dst, token []byte) []byte {
		digits := bytes.TrimLeft(token, "-")
		if len(digits) > maxExact && isDigits(string(digits)) && bytes.HasSuffix(digits, []byte("00")) {
			f, err := strconv.ParseFloat(string(token), 64)
			found = found || err == nil && strconv.FormatFloat(f, 'f', -1, 64) == string(token)
		}
		return dst
	}})
	return found
}

func escapedAsGo(body []byte) bool {
	for _, escape := range []string{`\u003c`, `\u003e`, `\u0026`} {
		if bytes.Contains(body, []byte(escape)) {
			return true
		}
	}
	return false
}

// spacedAsPython wants three separators: fewer may be an accident.
func spacedAsPython(body []byte) bool {
	spaced := restyle(body, style{spacing: &spacing{"", ": ", ", "}})
	return string(spaced) == string(body) && bytes.Count(body, []byte(`": `))+bytes.Count(body, []byte(", ")) >= 3
}

// asJavaScript says that JSON is written exactly as JSON.stringify does. Most
// senders do so too: it only says where else to look.
func asJavaScript(body []byte) bool {
	if len(body) > maxSeen || !looksLikeJSON(body) || bytes.ContainsAny(body[:min(len(body), 64)], "\r\n") {
		return false
	}
	plain := restyle(body, style{spacing: &spacing{"", ":", ","}, text: escapes{raw, raw, raw, raw}.text, number: float})
	return plain != nil && string(plain) == string(body)
}
