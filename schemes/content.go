package schemes

import (
	"errors"
	"fmt"
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
		text = after
	}
	return nil
}

func (s *templated) has(kind partKind) bool {
	for _, p := range s.parts {
		if p.kind == kind {
			return true
		}
	}
	return false
}

// ambiguous finds where one signed text could be cut into two messages. A timestamp is of one length as long as it lies in the
// window, the URL is configured, and the method has letters only where a URL begins; ids and the body are of any length.
func (s *templated) ambiguous() (mistakes []string) {
	for i, p := range s.parts[:max(len(s.parts)-1, 0)] {
		next := s.parts[i+1].kind
		switch {
		case p.kind == partID && next != partLiteral && s.t.IDLength == 0,
			next == partID && p.kind != partLiteral && s.t.IDLength == 0:
			mistakes = append(mistakes, "beside {id} is no text that ends it, so one signature would fit two messages: IDLength must say how long it is")
		case p.kind == partBody && next == partBody:
		}
	}
	return mistakes
}

// until is the text behind the id in the signed content, which the id may not contain.
func (s *templated) until() string {
	for i, p := range s.parts[:max(len(s.parts)-1, 0)] {
		if p.kind == partID && s.parts[i+1].kind == partLiteral {
			return s.parts[i+1].literal
		}
	}
	return ""
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
		// The parser also takes a comma for the point before the fraction.
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil || strings.IndexByte(text, ',') >= 0 || len(text) > 40 {
			return time.Time{}, malformed("the timestamp is not an RFC 3339 time")
		}
		return at, nil
	}
}

func malformed(detail string) error { return &core.Error{Reason: core.ErrMalformed, Detail: detail} }

func missing(header string) error {
	return &core.Error{Reason: core.ErrMissingHeader, Detail: header + " is missing: is this the right sender, and does a proxy drop it?"}
}
