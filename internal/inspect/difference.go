package inspect

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hookonce/hookonce/core"
)

// difference is a part of a request, as received and as signed.
type difference struct {
	Part     string    `json:"part"`
	Received []segment `json:"received"`
	Signed   []segment `json:"signed"`
}

// segment is a piece of text. If the piece differs, invisible characters are
// spelled out.
type segment struct {
	Text    string `json:"text"`
	Differs bool   `json:"differs,omitempty"`
	Alike   int    `json:"alike,omitempty"` // omitted bytes that are the same on both sides
}

// differences compares two requests. It returns none if, for example, the
// mistake was in the secret.
func differences(received, signed *core.Request, m mask) []difference {
	var all []difference
	add := func(part, a, b string) {
		if a != b {
			all = append(all, compare(part, a, b))
		}
	}
	add("method", received.Method, signed.Method)
	add("address", m.text(received.URL), m.text(signed.URL))
	a, b := lines(received), lines(signed)
	var names []string
	for name := range a {
		names = append(names, name)
	}
	for name := range b {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if slices.Equal(a[name], b[name]) {
			continue
		}
		add(name, m.headerLines(name, a[name]), m.headerLines(name, b[name]))
	}
	add("body", m.text(string(received.Body)), m.text(string(signed.Body)))
	return all
}

func (m mask) headerLines(name string, values []string) string {
	all := make([]string, len(values))
	for i, value := range values {
		all[i] = m.header(name, value)
	}
	return strings.Join(all, "\n")
}

// maxTable bounds the work of a comparison. Larger texts differ as a whole,
// except for a common beginning and end.
const maxTable = 4 << 20

func compare(part, received, signed string) difference {
	a, b := tokens(received), tokens(signed)
	front := 0
	for front < min(len(a), len(b)) && a[front] == b[front] {
		front++
	}
	back := 0
	for back < min(len(a), len(b))-front && a[len(a)-1-back] == b[len(b)-1-back] {
		back++
	}
	left, right := new(side), new(side)
	left.add(a[:front], false)
	right.add(b[:front], false)
	align(a[front:len(a)-back], b[front:len(b)-back], left, right)
	left.add(a[len(a)-back:], false)
	right.add(b[len(b)-back:], false)
	return difference{part, left.segments(), right.segments()}
}

// align finds the longest common subsequence of tokens.
func align(a, b []string, left, right *side) {
	if len(a)*len(b) > maxTable || len(a) > 1<<16-1 || len(b) > 1<<16-1 {
		left.add(a, true)
		right.add(b, true)
		return
	}
	width := len(b) + 1
	table := make([]uint16, (len(a)+1)*width)
	for i, x := range slices.Backward(a) {
		for j, y := range slices.Backward(b) {
			if x == y {
				table[i*width+j] = table[(i+1)*width+j+1] + 1
			} else {
				table[i*width+j] = max(table[(i+1)*width+j], table[i*width+j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			left.add(a[i:i+1], false)
			right.add(b[j:j+1], false)
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && table[(i+1)*width+j] >= table[i*width+j+1]:
			left.add(a[i:i+1], true)
			i++
		default:
			right.add(b[j:j+1], true)
			j++
		}
	}
}

// tokens splits a text into words and single characters.
func tokens(text string) []string {
	var all []string
	for len(text) > 0 {
		end := strings.IndexFunc(text, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		switch {
		case end < 0:
			end = len(text)
		case end == 0:
			_, end = utf8.DecodeRuneInString(text)
		}
		all = append(all, text[:end])
		text = text[end:]
	}
	return all
}

// side collects the segments of one of the two requests.
type side struct {
	texts   []strings.Builder
	differs []bool
}

func (s *side) add(tokens []string, differs bool) {
	for _, token := range tokens {
		last := len(s.differs) - 1
		if last < 0 || s.differs[last] != differs {
			s.texts, s.differs = append(s.texts, strings.Builder{}), append(s.differs, differs)
			last++
		}
		s.texts[last].WriteString(token)
	}
}

const (
	around     = 160     // bytes of context beside a change
	maxChanged = 8 << 10 // bytes of a change that are shown
)

func (s *side) segments() []segment {
	all := []segment{} // so that JSON never has null
	for i := range s.texts {
		text := s.texts[i].String()
		switch {
		case s.differs[i] && len(text) > maxChanged:
			cut := whole(text[:maxChanged])
			all = append(all, segment{Text: spelled(cut) + " …", Differs: true})
		case s.differs[i]:
			all = append(all, segment{Text: spelled(text), Differs: true})
		case len(text) > 2*around+80:
			front, back := whole(text[:around]), text[len(text)-around:]
			for len(back) > 0 && !utf8.RuneStart(back[0]) {
				back = back[1:]
			}
			if i == 0 {
				front = front[:0]
			}
			if i == len(s.texts)-1 {
				back = back[:0]
			}
			all = append(all, segment{Text: visible(front)}, segment{Alike: len(text) - len(front) - len(back)}, segment{Text: visible(back)})
		default:
			all = append(all, segment{Text: visible(text)})
		}
	}
	return slices.DeleteFunc(all, func(g segment) bool { return g == segment{} })
}

// whole removes an incomplete character at the ends of a text that was cut.
func whole(text string) string {
	for i := 0; i < utf8.UTFMax && len(text) > 0; i++ {
		if r, n := utf8.DecodeLastRuneInString(text); r != utf8.RuneError || n > 1 {
			break
		}
		text = text[:len(text)-1]
	}
	return text
}

// spelled makes white space visible too, except the white space of a mask.
func spelled(text string) string {
	text = strings.NewReplacer("\r", "␍", "\n", "⏎\n", "\t", "→\t", " ", "·").Replace(visible(text))
	return spelledMask.ReplaceAllString(text, "‹$1 characters›")
}

var spelledMask = regexp.MustCompile(`‹(\d+)·characters›`)

// visible spells out bytes that are not text and characters that are invisible.
// Line ends and spaces stay.
func visible(text string) string {
	if utf8.ValidString(text) && !strings.ContainsFunc(text, hidden) {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		r, n := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, "‹%02X›", text[0])
		case hidden(r):
			fmt.Fprintf(&b, "‹U+%04X›", r)
		default:
			b.WriteRune(r)
		}
		text = text[n:]
	}
	return b.String()
}

func hidden(r rune) bool {
	return r != '\n' && r != '\r' && r != '\t' && !unicode.IsPrint(r)
}
