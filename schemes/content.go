package schemes

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hookonce/hookonce/core"
)

// part is a piece of the signed content.
type part struct {
	kind    partKind
	literal string
	field   Field // of partValue: its header or query parameter
}

type partKind uint8

const (
	partLiteral partKind = iota
	partID
	partTimestamp
	partNonce
	partBody
	partMethod
	partURL
	partSecret
	partValue // of a header or query parameter; the only kind that may occur several times
)

// partNames maps the names in a Content to the kinds of parts.
func partNames() map[string]partKind {
	return map[string]partKind{
		"id": partID, "timestamp": partTimestamp, "nonce": partNonce, "body": partBody, "method": partMethod, "url": partURL, "secret": partSecret,
	}
}

// readContent parses Template.Content into s.parts. It is called once for each
// scheme, so requests parse nothing.
func (s *templated) readContent(text string) error {
	if text == "" {
		return errors.New("the Content is empty: write what the sender signs, such as \"{body}\" for the body alone")
	}
	for text != "" {
		literal, rest, found := strings.Cut(text, "{")
		if literal != "" {
			s.parts = append(s.parts, part{literal: literal})
		}
		if !found {
			return nil
		}
		name, after, closed := strings.Cut(rest, "}")
		kind, field := partNames()[name], Field{}
		// Only these two kinds have a name after the colon.
		switch of, value, _ := strings.Cut(name, ":"); {
		case value == "":
		case of == "header":
			kind, field = partValue, Header(value)
		case of == "query":
			kind, field = partValue, Query(value)
		}
		switch {
		case !closed, kind == partLiteral:
			return fmt.Errorf("the Content has {%s, which is not a known part in braces: the parts are {id}, {timestamp}, {nonce}, {body}, {method}, {url}, {secret}, {header:Name} and "+
				"{query:name}", name)
		case kind != partValue && s.has(kind), slices.ContainsFunc(s.parts, func(p part) bool { return kind == partValue && p.field.same(field) }):
			return fmt.Errorf("the Content has {%s} twice: name each part once", name)
		}
		s.parts = append(s.parts, part{kind: kind, field: field})
		// Counted from 1, so zero means absent.
		s.place[kind] = len(s.parts)
		text = after
	}
	return nil
}

// inFront counts the leading parts that do not need the body. ReadHeader can
// write these parts, so an error in them is found before the body is read.
func (s *templated) inFront() int {
	return max(slices.IndexFunc(s.parts, func(p part) bool {
		switch p.kind {
		case partLiteral, partNonce, partValue:
			return false
		case partID:
			return s.t.ID.inBody()
		case partTimestamp:
			return s.t.Timestamp.inBody()
		default:
			return true
		}
	}), 0)
}

// ambiguous finds places where one signed text could be split into two
// different messages. Parts before the body can be parsed from the beginning of
// the text, and parts after it from the end. So a part of any length needs a
// literal on each side, and must not contain the literal that ends it: see
// fenced. The other parts have a clear end. A method has only capital letters.
// Where it matters, the URL is configured as a whole. A timestamp marks its own
// end, or has a fixed length as long as it lies within the tolerance: see
// [Unit].ends.
func (s *templated) ambiguous() (mistakes []string) {
	for i, p := range s.parts {
		var last, next part // the zero part is an empty literal: no neighbor
		if i > 0 {
			last = s.parts[i-1]
		}
		if i+1 < len(s.parts) {
			next = s.parts[i+1]
		}
		switch {
		case s.free(p) && (last.kind != partLiteral || next.kind != partLiteral):
			mistakes = append(mistakes, "nothing marks where "+p.name()+" begins or ends, so one signature would fit two messages. Put a character "+
				"between "+p.name()+" and its neighbor; for an id, setting IDLength also helps")
		case p.kind == partMethod && (i > 0 && s.canBeMethod(last, len(last.literal)-1) || i+1 < len(s.parts) && s.canBeMethod(next, 0)):
			mistakes = append(mistakes, "nothing marks where {method} begins or ends, so one signature would fit two messages. Put an address, a time "+
				"or anything but a capital letter beside it")
		case p.kind == partTimestamp && i+1 < len(s.parts) && !s.t.Unit.ends(next):
			mistakes = append(mistakes, "nothing marks where {timestamp} ends, so one signature would fit two messages: times of this Unit differ in "+
				"length. Put another character after it")
		case p.kind == partTimestamp && s.index(partBody) >= 0 && s.index(partBody) < i && !s.t.Unit.begins(last):
			mistakes = append(mistakes, "nothing marks where {timestamp} begins, so one signature would fit two messages: times of this Unit differ in "+
				"length. Put another character before it")
		case p.kind == partSecret && i+1 < len(s.parts):
			mistakes = append(mistakes, "{secret} must be the last part: otherwise whoever captured a message can extend its hash")
		}
	}
	return mistakes
}

// name returns the part as a Content writes it.
func (p part) name() string {
	for name, kind := range partNames() {
		if kind == p.kind {
			return "{" + name + "}"
		}
	}
	return p.field.name()
}

// where returns the place in a request that has the text of part i.
func (s *templated) where(i int) string {
	if s.parts[i].kind == partNonce {
		return s.t.Nonce.name()
	}
	return s.parts[i].name()
}

// free reports whether a part is a text of arbitrary length.
func (s *templated) free(p part) bool {
	return p.kind == partID && s.t.IDLength == 0 || p.kind == partNonce || p.kind == partValue
}

// canBeMethod reports whether p, next to a method, could be parsed as part of
// that method. For a literal, i is the index of the adjacent byte.
func (s *templated) canBeMethod(p part, i int) bool {
	switch p.kind {
	case partLiteral:
		return isMethod(p.literal[i : i+1])
	case partTimestamp:
		// An HTTP date begins and ends with letters: "Sun", "GMT". The Z of another time cannot be
		// dropped; see Unit.ends.
		return s.t.Unit == HTTPDate
	case partMethod, partURL:
		return false
	default:
		return true
	}
}

func isMethod(text string) bool {
	for i := range len(text) {
		if text[i] < 'A' || text[i] > 'Z' {
			return false
		}
	}
	return text != ""
}

// index returns the position of the part of this kind in the content, or -1 if
// there is none.
func (s *templated) index(kind partKind) int { return s.place[kind] - 1 }

func (s *templated) has(kind partKind) bool { return s.place[kind] != 0 }

// fenced checks a value of the part at i. The value must not contain its fence,
// the literal that ends it. That is the literal after the value or, if the part
// comes after the body, the literal before it. fenced also rejects a value
// whose edge and fence together form an earlier fence.
func (s *templated) fenced(i int, value string) error {
	text, allowed := value, "printable ASCII characters without spaces"
	// Many headers have spaces inside, such as Content-Type and Date. Outer ones could get lost on
	// the way.
	if p := &s.parts[i]; p.kind == partValue && p.field.header != "" {
		allowed = "printable ASCII characters or spaces, with no space at either end"
		if strings.Trim(text, " ") == text {
			text = strings.ReplaceAll(text, " ", "_")
		}
	}
	if !visible(text) {
		return malformed(s.where(i) + " must be 1 to 256 " + allowed)
	}
	fence, whole := "", true
	if body := s.index(partBody); 0 <= body && body < i {
		fence = s.parts[i-1].literal
		whole = !strings.Contains(value, fence)
		for k := 1; k < len(fence); k++ { // a fence that begins inside the fence
			whole = whole && (fence[k:] != fence[:len(fence)-k] || !strings.HasPrefix(value, fence[len(fence)-k:]))
		}
	} else if i+1 < len(s.parts) {
		fence = s.parts[i+1].literal
		whole = !strings.Contains(value, fence)
		for k := 1; k < len(fence); k++ { // a fence that ends inside the fence
			whole = whole && (fence[k:] != fence[:len(fence)-k] || !strings.HasSuffix(value, fence[:k]))
		}
	}
	if fence != "" && !whole {
		return malformed("cannot tell where " + s.where(i) + " begins or ends in the signed text, so one signature would fit two messages")
	}
	return nil
}

// digits parses a number of at most 16 digits, without a sign or a leading
// zero. So a timestamp has only one spelling, and the number cannot overflow.
func digits(text string) (int64, bool) {
	if len(text) == 0 || len(text) > 16 || text[0] == '0' {
		return 0, false
	}
	var n int64
	for i := range len(text) {
		c := text[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

func (u Unit) parse(text string) (time.Time, error) {
	switch u {
	case Seconds:
		if n, ok := digits(text); ok {
			return time.Unix(n, 0), nil
		}
		return time.Time{}, malformed("the timestamp must be a Unix time in seconds, with digits only")
	case Milliseconds:
		if n, ok := digits(text); ok {
			return time.UnixMilli(n), nil
		}
		return time.Time{}, malformed("the timestamp must be a Unix time in milliseconds, with digits only")
	case UnixTime:
		n, ok := digits(text)
		switch {
		case !ok:
			return time.Time{}, malformed("the timestamp must be a Unix time in seconds or milliseconds, with digits only")
		// From 2001 to 2286, a time in milliseconds has 13 digits.
		case len(text) == 13:
			return time.UnixMilli(n), nil
		}
		return time.Unix(n, 0), nil
	case HTTPDate:
		at, err := time.Parse(http.TimeFormat, text)
		// time.Parse also accepts other spellings. Format the time again, without allocating, and
		// accept only the canonical spelling.
		var again [len(http.TimeFormat)]byte
		if err != nil || string(at.AppendFormat(again[:0], http.TimeFormat)) != text {
			return time.Time{}, malformed("the timestamp is not an HTTP date, as in \"Sun, 06 Nov 1994 08:49:37 GMT\"")
		}
		return at, nil
	case ISO8601:
		if at, err := time.Parse(isoLayout, text); err == nil && len(text) <= 40 && text[len("2006-01-02T15")] == ':' && !strings.Contains(text, ",") {
			return at, nil
		}
		fallthrough
	default:
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil || !strictRFC3339(text) {
			zone := ""
			if u == ISO8601 {
				zone = " (the time zone may be omitted)"
			}
			return time.Time{}, malformed("the timestamp is not an RFC 3339 time" + zone)
		}
		return at, nil
	}
}

// isoLayout has no zone. time.Parse accepts a fraction of any length with it.
const isoLayout = "2006-01-02T15:04:05.999999999"

// ends reports whether a timestamp of this unit clearly ends where the next
// part begins. The length of ISO8601 and UnixTime varies, so they must be
// followed by a literal that cannot be part of a time.
func (u Unit) ends(next part) bool {
	if u != ISO8601 && u != UnixTime {
		return true
	}
	return next.kind == partLiteral && !strings.ContainsAny(next.literal[:1], "0123456789.,Z+-")
}

// begins reports whether a timestamp of this unit clearly begins where last
// ends, for a timestamp after the body, which is read from the end. Within the
// tolerance, the last ten digits of a time in milliseconds can be a time in
// seconds. So UnixTime needs a literal before it that does not end in a digit.
// The other units begin at a fixed distance from their end, or with a year of
// four digits.
func (u Unit) begins(last part) bool {
	if u != UnixTime {
		return true
	}
	return last.kind == partLiteral && !strings.ContainsAny(last.literal[len(last.literal)-1:], "0123456789")
}

// strictRFC3339 rejects what time.Parse accepts beyond RFC 3339: a one-digit
// hour, a comma before the fraction, or an offset of a day.
func strictRFC3339(text string) bool {
	const hour, offset = len("2006-01-02T15"), len("15:04")
	return len(text) <= 40 && text[hour] == ':' && strings.IndexByte(text, ',') < 0 &&
		(strings.HasSuffix(text, "Z") || text[len(text)-offset:] < "24")
}

func malformed(detail string) error { return &core.Error{Reason: core.ErrMalformed, Detail: detail} }

func missing(header string) error {
	return &core.Error{Reason: core.ErrMissingHeader, Detail: header + " is missing or empty: is this the right sender, or does a proxy drop it?"}
}
