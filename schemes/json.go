package schemes

import (
	"bytes"
	"slices"
	"strconv"
)

// FindJSON returns the string or number at a path of a JSON body, as [JSON]
// names it: for schemes in code. It costs no more than hashing the body, and
// does not allocate. Of two members of one name the first counts, and names are
// compared byte by byte. The value is part of body, without quotes. ok is false
// if there is none, or if it has escapes.
//
// It is no parser: what is only nearly JSON may have a value.
func FindJSON(body []byte, path ...string) (value []byte, ok bool) { return find(body, path) }

// find returns the string or number at path in a JSON body; in an array the
// name is an index. It reads as far as it must, in one pass, holds nothing and
// allocates nothing, because the body is not verified yet. It is no parser:
// what stands on the way to the value is skipped, and a body that only nearly
// is JSON may give a value. That value is as authentic as the body: whoever
// could choose it could sign. ok is false if there is none, or one with
// escapes.
func find(body []byte, path []string) (value []byte, ok bool) {
	from, to, ok := locate(body, path)
	if !ok {
		return nil, false
	}
	return body[from:to:to], true
}

// findValue is find for a value of any kind, as it is written: a string has its
// quotes, an object or an array is whole.
func findValue(body []byte, path []string) (value []byte, ok bool) {
	s := scanner{body, 0}
	for _, name := range path {
		if !s.step(name) {
			return nil, false
		}
	}
	s.space()
	from := s.i
	if !s.skip() || s.i == from {
		return nil, false
	}
	return bytes.TrimRight(body[from:s.i:s.i], " \t\r\n"), true
}

// findValues appends to values what findValue returns for each field, nil where
// there is none. Those at the top of the body are found in one pass.
func findValues(body []byte, fields []Field, values [][]byte) [][]byte {
	first, top := len(values), 0
	for _, f := range fields {
		var value []byte
		if len(f.path) == 1 && !isIndex(f.path[0]) {
			top++
		} else {
			value, _ = findValue(body, f.path)
		}
		values = append(values, value)
	}
	s := scanner{body, 0}
	for inside := top > 0 && s.is('{'); inside; inside = top > 0 && s.is(',') {
		s.space()
		key := s.text()
		if key == nil || !s.is(':') {
			break
		}
		s.space()
		from := s.i
		if !s.skip() {
			break
		}
		for i, f := range fields {
			if values[first+i] == nil && len(f.path) == 1 && string(key) == f.path[0] && unescaped(key) {
				values[first+i] = bytes.TrimRight(body[from:s.i:s.i], " \t\r\n")
				top--
			}
		}
	}
	for i := range values[first:] {
		if len(values[first+i]) == 0 {
			values[first+i] = nil // the first member of the name has no value
		}
	}
	return values
}

// locate is find for the place of the value, without the quotes of a string.
func locate(body []byte, path []string) (from, to int, ok bool) {
	s := scanner{body, 0}
	for _, name := range path {
		if !s.step(name) {
			return 0, 0, false
		}
	}
	value, ok := s.scalar()
	if !ok {
		return 0, 0, false
	}
	to = s.i
	if len(value) < to && body[to-1] == '"' {
		to--
	}
	return to - len(value), to, true
}

// several says that an array on the way to path has more elements than the one
// that path leads to.
func several(body []byte, path []string) bool {
	s := scanner{body, 0}
	for _, name := range path {
		array := s.at('[')
		if !s.step(name) {
			return false
		}
		if array {
			rest := s
			if name != "0" || rest.skip() && rest.is(',') {
				return true
			}
		}
	}
	return false
}

// isIndex says that a name leads to an element of an array.
func isIndex(name string) bool {
	if name == "" || len(name) > 6 || len(name) > 1 && name[0] == '0' {
		return false
	}
	for i := range len(name) {
		if name[i] < '0' || name[i] > '9' {
			return false
		}
	}
	return true
}

type scanner struct {
	b []byte
	i int
}

func (s *scanner) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\t', '\r', '\n':
			s.i++
		default:
			return
		}
	}
}

// is moves past c.
func (s *scanner) is(c byte) bool {
	s.space()
	if s.i < len(s.b) && s.b[s.i] == c {
		s.i++
		return true
	}
	return false
}

// at says that c is next.
func (s *scanner) at(c byte) bool {
	s.space()
	return s.i < len(s.b) && s.b[s.i] == c
}

// step moves into an object or an array.
func (s *scanner) step(name string) bool {
	if isIndex(name) && s.at('[') {
		return s.element(name)
	}
	return s.enter(name)
}

// element moves into an array, to the place of the element with this index:
// nothing stands there in an empty array.
func (s *scanner) element(index string) bool {
	s.i++
	for n, _ := strconv.Atoi(index); n > 0; n-- {
		if !s.skip() || !s.is(',') {
			return false
		}
	}
	return true
}

// enter moves into an object, to the value of its first member with this name.
func (s *scanner) enter(name string) bool {
	if !s.is('{') {
		return false
	}
	for {
		s.space()
		key := s.text()
		if key == nil || !s.is(':') {
			return false
		}
		if string(key) == name && unescaped(key) {
			return true
		}
		if !s.skip() || !s.is(',') {
			return false
		}
	}
}

// text reads a string: what stands between its quotes, nil if there is none.
func (s *scanner) text() []byte {
	if s.i >= len(s.b) || s.b[s.i] != '"' {
		return nil
	}
	start := s.i + 1
	end, ok := endOfString(s.b, start)
	if !ok {
		return nil
	}
	s.i = end
	return s.b[start : end-1 : end-1]
}

// unescaped says that a string has no escape.
func unescaped(content []byte) bool { return bytes.IndexByte(content, '\\') < 0 }

// skip moves past a value. Objects and arrays are counted, not entered. Most of
// the time of a search goes here, so it keeps to local variables, and looks for
// the end of a string byte by byte before it asks for help: most strings are
// short.
func (s *scanner) skip() bool {
	b, i, depth := s.b, s.i, 0
	for i < len(b) {
		c := b[i]
		i++
		switch c {
		case '"':
			end, ok := endOfString(b, i)
			if !ok {
				return false
			}
			if i = end; depth == 0 {
				s.i = i
				return true
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				s.i = i - 1 // the end of what surrounds a number, true, false or null
				return true
			}
			if depth--; depth == 0 {
				s.i = i
				return true
			}
		case ',':
			if depth == 0 {
				s.i = i - 1
				return true
			}
		}
	}
	s.i = i
	return false
}

// endOfString returns the index behind the quote that ends the string whose
// content begins at i.
func endOfString(b []byte, i int) (int, bool) {
	for near := min(i+24, len(b)); i < near; i++ {
		switch b[i] {
		case '"':
			return i + 1, true
		case '\\':
			i++
		}
	}
	for quote := -1; i < len(b); {
		if quote < i { // looked for again only if it was escaped: a string of escapes must not cost a look to its end for each
			next := bytes.IndexByte(b[i:], '"')
			if next < 0 {
				return 0, false
			}
			quote = i + next
		}
		escape := bytes.IndexByte(b[i:quote], '\\')
		if escape < 0 {
			return quote + 1, true
		}
		i += escape + 2
	}
	return 0, false
}

// scalar reads a string without escapes, or a number.
func (s *scanner) scalar() ([]byte, bool) {
	s.space()
	if s.i < len(s.b) && s.b[s.i] == '"' {
		text := s.text()
		return text, text != nil && unescaped(text)
	}
	start := s.i
	for s.i < len(s.b) && (s.b[s.i] >= '0' && s.b[s.i] <= '9' || s.b[s.i] == '-' || s.b[s.i] == '+' || s.b[s.i] == '.' ||
		s.b[s.i] == 'e' || s.b[s.i] == 'E') {
		s.i++
	}
	if s.i == start || s.i == len(s.b) {
		return nil, false // at the end of the body nothing says that the number is whole
	}
	return s.b[start:s.i:s.i], true
}

// replaceAt returns a copy of body with text in the place of the string or
// number that find returns.
func replaceAt(body []byte, path []string, text string) ([]byte, bool) {
	from, to, ok := locate(body, path)
	if !ok {
		return nil, false
	}
	return slices.Concat(body[:from], []byte(text), body[to:]), true
}
