package schemes

import (
	"bytes"
	"encoding/binary"
	"math/bits"
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

// locate is find for the place of the value, without the quotes of a string.
func locate(body []byte, path []string) (from, to int, ok bool) {
	s := scanner{body, 0}
	for _, name := range path {
		if !s.step(name) {
			return 0, 0, false
		}
	}
	return s.scalar()
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

// skip moves past a value.
func (s *scanner) skip() bool {
	for b := s.b; s.i < len(b); s.i++ {
		switch b[s.i] {
		case '"':
			end, ok := endOfString(b, s.i+1)
			s.i = end
			return ok
		case '{', '[':
			s.i++
			return s.leave(1)
		case '}', ']', ',': // the end of what surrounds a number, true, false or null
			return true
		}
	}
	return false
}

// Eight bytes as one word: low and high have the lowest and the highest bit of
// each byte.
const (
	low  = 0x0101010101010101
	high = 0x80 * low
)

// leave moves out of so many objects and arrays, which are counted and not told
// apart. Most of the time of a search goes here, so it looks at eight bytes at
// a time. Those with an escape in a string are looked at one by one.
func (s *scanner) leave(depth int) bool {
	b, i := s.b, s.i
	inside := uint64(0) // every bit, while i is within a string
	for i < len(b) {
		quotes, slow := uint64(0), false
		for end := min(i+32, len(b)-7); i < end; i += 8 {
			w := binary.LittleEndian.Uint64(b[i:])
			ascii := high &^ w // the high bit of each byte that has none, and below of each byte that
			quote := (high - (w&^high ^ '"'*low)) & ascii
			text := quote*low ^ inside                            // is within a string: as many quotes up to it are odd
			bracket := (high - (w&(0x59*low) ^ 0x59*low)) & ascii // is one of {[}] or of yY_
			escape := (high - (w&^high ^ '\\'*low)) & ascii
			mark := bracket&^text | escape&text
			if mark != 0 {
				if mark&text != 0 {
					slow = true
					break
				}
				for ; mark != 0; mark &= mark - 1 {
					at := i + bits.TrailingZeros64(mark)/8
					switch b[at] | 0x20 {
					case '{':
						depth++
					case '}':
						if depth--; depth == 0 {
							s.i = at + 1
							return true
						}
					}
				}
			}
			quotes |= quote
			inside = uint64(int64(text) >> 63) //nolint:gosec // the bit of the last byte
		}
		switch {
		case slow || len(b)-i < 8:
			for end := min(i+8, len(b)); i < end; i++ {
				switch c := b[i]; {
				case inside != 0 && c == '\\':
					i++
				case c == '"':
					inside = ^inside
				case inside != 0:
				case c == '{', c == '[':
					depth++
				case c == '}', c == ']':
					if depth--; depth == 0 {
						s.i = i + 1
						return true
					}
				}
			}
		case quotes == 0 && inside != 0: // a long string, whose end is found faster
			var ok bool
			if i, ok = endOfString(b, i); !ok {
				return false
			}
			inside = 0
		}
	}
	return false
}

// endOfString returns the index behind the quote that ends the string whose
// content begins at i.
func endOfString(b []byte, i int) (int, bool) {
	for near := i + 32; i < near && len(b)-i >= 16; i += 16 { // most strings are short
		at := bits.TrailingZeros64(ends(binary.LittleEndian.Uint64(b[i:])) | ends(binary.LittleEndian.Uint64(b[i+8:]))<<8)
		if at == 64 {
			continue
		}
		if i += at; b[i] == '"' {
			return i + 1, true
		}
		break
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

// ends returns a bit for each byte of w that is a quote or a backslash.
func ends(w uint64) uint64 {
	text, ascii := w&^high, high&^w
	found := (high - (text ^ '"'*low)) | (high - (text ^ '\\'*low))
	return (found & ascii >> 7) * 0x0102040810204080 >> 56
}

// scalar returns the place of a string without escapes, between its quotes, or
// of a number.
func (s *scanner) scalar() (from, to int, ok bool) {
	s.space()
	if s.i < len(s.b) && s.b[s.i] == '"' {
		text := s.text()
		return s.i - 1 - len(text), s.i - 1, text != nil && unescaped(text)
	}
	start := s.i
	for s.i < len(s.b) && (s.b[s.i] >= '0' && s.b[s.i] <= '9' || s.b[s.i] == '-' || s.b[s.i] == '+' || s.b[s.i] == '.' ||
		s.b[s.i] == 'e' || s.b[s.i] == 'E') {
		s.i++
	}
	return start, s.i, s.i > start && s.i < len(s.b) // at the end of the body nothing says that the number is whole
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
