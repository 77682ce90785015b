package schemes

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hookonce/hookonce/core"
)

// part is a piece of the signed content.
type part struct {
	kind    partKind
	literal string
}

type partKind uint8

const (
	partLiteral partKind = iota
	partID
	partTimestamp
	partBody
	partMethod
	partURL
)

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
		kind := map[string]partKind{"id": partID, "timestamp": partTimestamp, "body": partBody, "method": partMethod, "url": partURL}[name]
		switch {
		case !closed, kind == partLiteral:
			return fmt.Errorf("{%s: there are {id}, {timestamp}, {body}, {method} and {url}", name)
		case s.has(kind):
			return fmt.Errorf("{%s} is there twice", name)
		}
		s.parts = append(s.parts, part{kind: kind})
		s.place[kind] = len(s.parts)
		text = after
	}
	return nil
}

// inFront counts the parts that headers alone make, before any other.
func (s *templated) inFront() int {
	return max(slices.IndexFunc(s.parts, func(p part) bool {
		switch p.kind {
		case partLiteral:
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

// ambiguous finds where one signed text could be cut into two messages. A timestamp is of one length as long as it lies in the window, a
// method has capital letters only, and the URL is configured whole where it would matter; ids and the body are of any length.
func (s *templated) ambiguous() (mistakes []string) {
	for i, p := range s.parts[:max(len(s.parts)-1, 0)] {
		next := s.parts[i+1]
		if p.kind == partID && next.kind != partLiteral && s.t.IDLength == 0 || next.kind == partID && p.kind != partLiteral && s.t.IDLength == 0 {
			mistakes = append(mistakes, "beside {id} is no text that ends it, so one signature would fit two messages: IDLength must say how long it is")
		}
		if p.kind == partMethod && canBeMethod(next, 0) || next.kind == partMethod && canBeMethod(p, len(p.literal)-1) {
			mistakes = append(mistakes, "beside {method} is no text that ends it, so one signature would fit two messages: "+
				"an address, a time or something else than a capital letter does")
		}
	}
	return mistakes
}

// canBeMethod says that what stands beside a method, a literal with its byte at i, could be read as a part of it.
func canBeMethod(p part, i int) bool {
	return p.kind == partID || p.kind == partBody || p.kind == partLiteral && isMethod(p.literal[i:i+1])
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

// fence is the text that parts the id from the body in the signed content, behind it or, if the body comes first, in front of it.
func (s *templated) fence() (text string, before bool) {
	id, body := s.index(partID), s.index(partBody)
	if before = 0 <= body && body < id; before {
		return s.parts[id-1].literal, true
	}
	if id+1 < len(s.parts) {
		text = s.parts[id+1].literal
	}
	return text, false
}

// breaksFence says that the id can be read as a shorter one and more body.
func (s *templated) breaksFence(id string) bool {
	text, before := s.fence()
	if before {
		return text != "" && strings.LastIndex(text+id, text) != 0
	}
	return text != "" && strings.Index(id+text, text) != len(id)
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
	default:
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil || !strictRFC3339(text) {
			return time.Time{}, malformed("the timestamp is not an RFC 3339 time")
		}
		return at, nil
	}
}

// strictRFC3339 finds what time.Parse takes all the same: an hour of one digit, a comma before the fraction, an offset of a day.
func strictRFC3339(text string) bool {
	const hour, offset = len("2006-01-02T15"), len("15:04")
	return len(text) <= 40 && text[hour] == ':' && strings.IndexByte(text, ',') < 0 &&
		(strings.HasSuffix(text, "Z") || text[len(text)-offset:] < "24")
}

func malformed(detail string) error { return &core.Error{Reason: core.ErrMalformed, Detail: detail} }

func missing(header string) error {
	return &core.Error{Reason: core.ErrMissingHeader, Detail: header + " is missing: is this the right sender, and does a proxy drop it?"}
}
