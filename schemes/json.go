package schemes

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"
	"strconv"
)

// FindJSON returns the string or number at a path in a JSON body. Use it in
// schemes that are written in code. The path has the same form as in [JSON].
// FindJSON costs no more than hashing the body, and does not allocate. If a
// name occurs twice, the first member counts. Names are compared byte by byte.
// The value is a slice of body, without quotes. ok is false if there is no
// value, or if the value has escapes.
//
// FindJSON does not validate the body: one that is not quite JSON may also
// yield a value.
func FindJSON(body []byte, path ...string) (value []byte, ok bool) { return find(body, path) }

// find returns the string or number at path in a JSON body; a name in an array
// is an index. The body is not verified yet, so find makes one pass, stops as
// soon as it can, and allocates nothing. It skips other values without
// validating them, so a body that is not quite JSON may also yield a value.
// That is safe: the value is as authentic as the body, since anyone who could
// choose the value could also sign. ok is false if there is no value, or if the
// value has escapes.
func find(body []byte, path []string) (value []byte, ok bool) {
	from, to, ok := locate(body, path)
	if !ok {
		return nil, false
	}
	return body[from:to:to], true
}

// locate is like find, but returns the offsets of the value. A string's offsets
// exclude its quotes.
func locate(body []byte, path []string) (from, to int, ok bool) {
	s := scanner{body, 0}
	for _, name := range path {
		if !s.step(name) {
			return 0, 0, false
		}
	}
	return s.scalar()
}

// isIndex reports whether a name can be an array index. At most six digits are
// allowed, to limit the work. A leading zero would give one element two names.
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

// scanner is a position in a body. It keeps no error: a method that fails
// leaves the position undefined, and the search ends.
type scanner struct {
	b []byte
	i int
}

// space moves past white space.
func (s *scanner) space() {
	for s.i < len(s.b) && isSpace(s.b[s.i]) {
		s.i++
	}
}

// isSpace reports whether c is white space in JSON.
func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// is reports whether c comes next after white space, and if so moves past it.
func (s *scanner) is(c byte) bool {
	s.space()
	if s.i < len(s.b) && s.b[s.i] == c {
		s.i++
		return true
	}
	return false
}

// at reports whether c comes next after white space, without moving past it.
func (s *scanner) at(c byte) bool {
	s.space()
	return s.i < len(s.b) && s.b[s.i] == c
}

// step moves to the value of a member or an element. An object may have a
// member whose name looks like an index.
func (s *scanner) step(name string) bool {
	if isIndex(name) && s.at('[') {
		return s.element(name)
	}
	return s.enter(name)
}

// element moves to the array element with this index. In an empty array it
// moves to the closing bracket, where no value is found.
func (s *scanner) element(index string) bool {
	s.i++
	for n, _ := strconv.Atoi(index); n > 0; n-- {
		if !s.skip() || !s.is(',') {
			return false
		}
	}
	return true
}

// enter moves to the value of an object's first member with this name. A name
// with escapes never matches.
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
		// A name with escapes would need decoding, and senders write their names without escapes.
		if string(key) == name && unescaped(key) {
			return true
		}
		if !s.skip() || !s.is(',') {
			return false
		}
	}
}

// text parses a string and returns its raw content without quotes. It returns
// nil if no string comes next.
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

// unescaped reports whether the content of a string has no escapes.
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
		case '}', ']', ',': // the end of a number, true, false or null
			return true
		}
	}
	return false
}

// Masks for eight bytes in one word: low has the lowest bit of each byte set,
// high the highest.
const (
	low  = 0x0101010101010101
	high = 0x80 * low
)

// leave moves past the end of depth nested objects and arrays. It only counts
// brackets and does not check that they match. A search spends most of its time
// here, so leave tests eight bytes at a time. It falls back to single bytes
// where a string has an escape, and for the last seven bytes.
func (s *scanner) leave(depth int) bool {
	b, i := s.b, s.i
	inside := uint64(0) // all ones while i is inside a string, else zero
	for i < len(b) {
		quotes, slow := uint64(0), false
		// Check every 32 bytes whether a long string began, since bytes.IndexByte skips it faster.
		for end := min(i+32, len(b)-7); i < end; i += 8 {
			w := binary.LittleEndian.Uint64(b[i:])
			ascii := high &^ w // the high bit of each ASCII byte; below, the high bit of each byte that
			quote := (high - (w&^high ^ '"'*low)) & ascii
			text := quote*low ^ inside                            // is inside a string: the number of quotes up to it is odd
			bracket := (high - (w&(0x59*low) ^ 0x59*low)) & ascii // is one of {[}], or of yY_ (sorted out below)
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
		// Go byte by byte, which handles escapes, through the last seven bytes or a word with an
		// escape.
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
		case quotes == 0 && inside != 0: // a long string: endOfString is faster
			var ok bool
			if i, ok = endOfString(b, i); !ok {
				return false
			}
			inside = 0
		}
	}
	return false
}

// endOfString returns the index after the closing quote of the string whose
// content begins at i.
func endOfString(b []byte, i int) (int, bool) {
	for near := i + 32; i < near && len(b)-i >= 16; i += 16 { // most strings are short, so try 32 bytes before calling IndexByte
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
		if quote < i { // search again only after an escaped quote, because otherwise a string full of escapes would take quadratic time
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
		// Skip the backslash and the byte that it escapes, even if that is a quote.
		i += escape + 2
	}
	return 0, false
}

// ends returns eight bits, one for each byte of w. A bit is set if the byte is
// a quote or a backslash. The multiplication gathers the bits in the highest
// byte.
func ends(w uint64) uint64 {
	text, ascii := w&^high, high&^w
	found := (high - (text ^ '"'*low)) | (high - (text ^ '\\'*low))
	return (found & ascii >> 7) * 0x0102040810204080 >> 56
}

// scalar returns the offsets of a number, or of the content of a string without
// escapes.
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
	return start, s.i, s.i > start && s.i < len(s.b) // a number at the end of the body may be cut off
}

// replaceAt returns a copy of body in which text replaces the string or number
// that find returns.
func replaceAt(body []byte, path []string, text string) ([]byte, bool) {
	from, to, ok := locate(body, path)
	if !ok {
		return nil, false
	}
	return slices.Concat(body[:from], []byte(text), body[to:]), true
}
