package capture

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxWords bounds the words of a command.
const maxWords = 10_000

// shell splits one command into words as bash does. It expands nothing.
type shell struct {
	text string
	at   int

	all    []string
	word   []byte
	inWord bool
	bare   bool // nothing in the word was quoted
}

// words returns the words of the first command in text. more reports whether
// something follows it.
func words(text string) (all []string, more bool, err error) {
	s := &shell{text: text, bare: true}
	if err := s.run(); err != nil {
		return nil, false, fmt.Errorf("line %d: %w", 1+strings.Count(text[:min(s.at, len(text))], "\n"), err)
	}
	return s.all, strings.TrimSpace(s.text[s.at:]) != "", nil
}

var (
	errExpansion = errors.New("the shell would expand a $ or a backtick: write the value instead")
	errUnclosed  = errors.New("a quote is not closed: is the command complete?")
	errNUL       = errors.New("a command line cannot contain a NUL byte")
	errWords     = errors.New("the command has more than 10,000 words")
)

func (s *shell) end() error {
	if s.inWord {
		s.all = append(s.all, string(s.word))
	}
	s.word, s.inWord, s.bare = nil, false, true
	if len(s.all) > maxWords {
		return errWords
	}
	return nil
}

func (s *shell) take(text string) { s.word, s.inWord = append(s.word, text...), true }

// next reports whether text comes next, and skips it.
func (s *shell) next(text string) bool {
	if !strings.HasPrefix(s.text[s.at:], text) {
		return false
	}
	s.at += len(text)
	return true
}

func (s *shell) run() error {
	for s.at < len(s.text) {
		switch c := s.text[s.at]; {
		case s.next("\\\n"), s.next("\\\r\n"):
		case s.next("\\"):
			if err := s.one(); err != nil {
				return err
			}
		case s.next("$'"):
			if err := s.escaped(); err != nil {
				return err
			}
		case s.next("'"):
			text, _, ok := strings.Cut(s.text[s.at:], "'")
			if !ok {
				return errUnclosed
			}
			s.take(text)
			s.bare = false
			s.at += len(text) + 1
		case s.next(`$"`), s.next(`"`):
			if err := s.double(); err != nil {
				return err
			}
		case c == '`' || c == '$' && s.expands():
			return errExpansion
		case strings.IndexByte(" \t\r\n", c) >= 0:
			if err := s.end(); err != nil {
				return err
			}
			if c == '\n' && len(s.all) > 0 {
				return nil
			}
			s.at++
		case c == '#' && !s.inWord:
			_, rest, _ := strings.Cut(s.text[s.at:], "\n")
			s.at = len(s.text) - len(rest) - 1
			if rest == "" {
				s.at = len(s.text)
			}
		case strings.IndexByte(";|&<>()", c) >= 0:
			if (c == '<' || c == '>') && s.bare && strings.Trim(string(s.word), "0123456789") == "" {
				s.inWord = false // 2>&1
			}
			return s.end()
		case c == 0:
			return errNUL
		default:
			s.take(string(c))
			s.word = append(s.word[:len(s.word)-len(string(c))], c) // a byte, whatever it is
			s.at++
		}
	}
	return s.end()
}

// one takes the character after a backslash.
func (s *shell) one() error {
	if s.at == len(s.text) {
		return errUnclosed
	}
	s.bare = false
	s.take(s.text[s.at : s.at+1])
	s.at++
	return nil
}

// expands reports whether bash would expand the dollar sign that comes next.
func (s *shell) expands() bool {
	if s.at+1 == len(s.text) {
		return false
	}
	c := s.text[s.at+1]
	return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("{([?!@*#$-", c) >= 0
}

func (s *shell) double() error {
	s.take("")
	s.bare = false
	for s.at < len(s.text) {
		c := s.text[s.at]
		switch {
		case c == '"':
			s.at++
			return nil
		case c == '`' || c == '$' && s.expands():
			return errExpansion
		case s.next("\\\n"), s.next("\\\r\n"):
			continue
		case c == '\\' && s.at+1 < len(s.text) && strings.IndexByte("$`\"\\", s.text[s.at+1]) >= 0:
			s.at++
			c = s.text[s.at]
		case c == 0:
			return errNUL
		}
		s.word = append(s.word, c)
		s.at++
	}
	return errUnclosed
}

// escaped reads the rest of $'…'.
func (s *shell) escaped() error {
	s.take("")
	s.bare = false
	for s.at < len(s.text) {
		c := s.text[s.at]
		s.at++
		switch {
		case c == '\'':
			return nil
		case c == 0:
			return errNUL
		case c != '\\' || s.at == len(s.text):
			s.word = append(s.word, c)
		default:
			if err := s.escape(); err != nil {
				return err
			}
		}
	}
	return errUnclosed
}

// escape reads what follows a backslash within $'…'.
func (s *shell) escape() error {
	c := s.text[s.at]
	s.at++
	switch c {
	case 'x':
		return s.number(c, 16, 2)
	case 'u':
		return s.number(c, 16, 4)
	case 'U':
		return s.number(c, 16, 8)
	case '0', '1', '2', '3', '4', '5', '6', '7':
		s.at--
		return s.number(0, 8, 3)
	case 'c':
		return errors.New(`\c within $'…' is not supported`)
	}
	const names, bytes = "abeEfnrtv\\'\"?", "\a\b\x1b\x1b\f\n\r\t\v\\'\"?"
	if i := strings.IndexByte(names, c); i >= 0 {
		s.word = append(s.word, bytes[i])
		return nil
	}
	s.word = append(s.word, '\\', c)
	return nil
}

func (s *shell) number(letter byte, base, most int) error {
	n := 0
	for n < most && s.at+n < len(s.text) {
		if _, err := strconv.ParseUint(s.text[s.at+n:s.at+n+1], base, 8); err != nil {
			break
		}
		n++
	}
	if n == 0 {
		s.word = append(s.word, '\\', letter)
		return nil
	}
	v, err := strconv.ParseUint(s.text[s.at:s.at+n], base, 32)
	s.at += n
	switch {
	case err != nil || v == 0 || base == 8 && v&0xff == 0:
		return errNUL
	case letter == 'u' || letter == 'U':
		s.word = utf8.AppendRune(s.word, rune(v)) //nolint:gosec // what is too large becomes U+FFFD
	default:
		s.word = append(s.word, byte(v)) //nolint:gosec // bash keeps the lower eight bits as well
	}
	return nil
}
