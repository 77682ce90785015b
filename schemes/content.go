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
	field   Field // where a header or a parameter of the query stands
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
	partValue // of a header or of the query: several may be there
)

// names are how the parts are written.
func partNames() map[string]partKind {
	return map[string]partKind{
		"id": partID, "timestamp": partTimestamp, "nonce": partNonce, "body": partBody, "method": partMethod, "url": partURL, "secret": partSecret,
	}
}

// readContent takes the content apart, once.
func (s *templated) readContent(text string) error {
	if text == "" {
		return errors.New("empty: what is signed? \"{body}\" is the body alone")
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
		switch of, value, _ := strings.Cut(name, ":"); {
		case value == "":
		case of == "header":
			kind, field = partValue, Header(value)
		case of == "query":
			kind, field = partValue, Query(value)
		}
		switch {
		case !closed, kind == partLiteral:
			return fmt.Errorf("{%s: there are {id}, {timestamp}, {nonce}, {body}, {method}, {url}, {secret}, {header:Name} and {query:name}", name)
		case kind != partValue && s.has(kind), slices.ContainsFunc(s.parts, func(p part) bool { return kind == partValue && p.field.same(field) }):
			return fmt.Errorf("{%s} appears twice", name)
		}
		s.parts = append(s.parts, part{kind: kind, field: field})
		s.place[kind] = len(s.parts)
		text = after
	}
	return nil
}

// inFront counts the parts that headers alone make, before any other.
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

// ambiguous finds where one signed text could be cut into two messages. In
// front of the body the parts are read from the beginning of the text, behind
// it from the end. So a text of any length needs literals on its sides, and
// must not hold the one at which it ends: see fence. A method has capital
// letters only, the URL is configured whole where it would matter, and a time
// says itself where it ends, or is of one length as long as it lies in the
// window; see [Unit].ends.
func (s *templated) ambiguous() (mistakes []string) {
	for i, p := range s.parts {
		var last, next part // the zero part is an empty literal
		if i > 0 {
			last = s.parts[i-1]
		}
		if i+1 < len(s.parts) {
			next = s.parts[i+1]
		}
		switch {
		case s.free(p) && (last.kind != partLiteral || next.kind != partLiteral):
			mistakes = append(mistakes, "beside "+p.name()+" nothing marks where it ends, so one signature would fit two messages: "+
				"put a character between, or, for an id, IDLength must say how long it is")
		case p.kind == partMethod && (i > 0 && s.canBeMethod(last, len(last.literal)-1) || i+1 < len(s.parts) && s.canBeMethod(next, 0)):
			mistakes = append(mistakes, "beside {method} nothing marks where it ends, so one signature would fit two messages: "+
				"an address, a time or something else than a capital letter does")
		case p.kind == partTimestamp && i+1 < len(s.parts) && !s.t.Unit.ends(next):
			mistakes = append(mistakes, "behind {timestamp} nothing marks where it ends, so one signature would fit two messages: times of this Unit differ in length")
		case p.kind == partSecret && i+1 < len(s.parts):
			mistakes = append(mistakes, "{secret} is not the last part: a hash that goes on behind its secret can be continued by whoever captured a message")
		}
	}
	return mistakes
}

// name is the part as it is written.
func (p part) name() string {
	for name, kind := range partNames() {
		if kind == p.kind {
			return "{" + name + "}"
		}
	}
	return p.field.name()
}

// free says that a part is a text of any length.
func (s *templated) free(p part) bool {
	return p.kind == partID && s.t.IDLength == 0 || p.kind == partNonce || p.kind == partValue
}

// canBeMethod says that what stands beside a method, a literal with its byte at
// i, could be read as a part of it.
func (s *templated) canBeMethod(p part, i int) bool {
	switch p.kind {
	case partLiteral:
		return isMethod(p.literal[i : i+1])
	case partTimestamp:
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

// index is where the part of this kind stands in the content, -1 if nowhere.
func (s *templated) index(kind partKind) int { return s.place[kind] - 1 }

func (s *templated) has(kind partKind) bool { return s.place[kind] != 0 }

// fenced returns a value of the part at i. It must not hold the text that ends
// it: the literal behind it or, if the body comes first, that in front.
func (s *templated) fenced(i int, value string) error {
	if !visible(value) {
		return malformed(s.parts[i].name() + " is not 1 to 256 characters of printable ASCII")
	}
	fence, whole := "", true
	if body := s.index(partBody); 0 <= body && body < i {
		fence = s.parts[i-1].literal
		whole = !strings.Contains(value, fence)
		for k := 1; k < len(fence); k++ { // one that begins in the fence
			whole = whole && (fence[k:] != fence[:len(fence)-k] || !strings.HasPrefix(value, fence[len(fence)-k:]))
		}
	} else if i+1 < len(s.parts) {
		fence = s.parts[i+1].literal
		whole = !strings.Contains(value, fence)
		for k := 1; k < len(fence); k++ { // one that ends in the fence
			whole = whole && (fence[k:] != fence[:len(fence)-k] || !strings.HasSuffix(value, fence[:k]))
		}
	}
	if fence != "" && !whole {
		return malformed(s.parts[i].name() + " holds the text that ends it in the signed text: one signature would fit two messages")
	}
	return nil
}

// seconds reads digits without sign or zero in front, at most 16 of them.
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
		return time.Time{}, malformed("the timestamp is not a plain Unix time in seconds")
	case Milliseconds:
		if n, ok := digits(text); ok {
			return time.UnixMilli(n), nil
		}
		return time.Time{}, malformed("the timestamp is not a plain Unix time in milliseconds")
	case UnixTime:
		if len(text) == 13 {
			return Milliseconds.parse(text)
		}
		return Seconds.parse(text)
	case HTTPDate:
		at, err := time.Parse(http.TimeFormat, text)
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
			return time.Time{}, malformed("the timestamp is not an RFC 3339 time")
		}
		return at, nil
	}
}

// isoLayout takes a fraction of any length.
const isoLayout = "2006-01-02T15:04:05.999999999"

// ends says that a time of this unit ends where the next part begins.
func (u Unit) ends(next part) bool {
	if u != ISO8601 && u != UnixTime {
		return true
	}
	return next.kind == partLiteral && !strings.ContainsAny(next.literal[:1], "0123456789.,Z+-")
}

// strictRFC3339 finds what time.Parse takes all the same: an hour of one digit,
// a comma before the fraction, an offset of a day.
func strictRFC3339(text string) bool {
	const hour, offset = len("2006-01-02T15"), len("15:04")
	return len(text) <= 40 && text[hour] == ':' && strings.IndexByte(text, ',') < 0 &&
		(strings.HasSuffix(text, "Z") || text[len(text)-offset:] < "24")
}

func malformed(detail string) error { return &core.Error{Reason: core.ErrMalformed, Detail: detail} }

func missing(header string) error {
	return &core.Error{Reason: core.ErrMissingHeader, Detail: header + " is missing: is this the right sender, and does a proxy drop it?"}
}
