package schemes

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"github.com/hookonce/hookonce/core"
)

// sfKind is a type of structured field value (RFC 8941).
type sfKind uint8

const (
	sfString sfKind = iota + 1
	sfInteger
	sfBytes
	sfToken
	sfBoolean
	sfList // an inner list, in parentheses
)

// sfParam is a parameter: a key with a bare item.
type sfParam struct {
	key  string
	kind sfKind
	text string // a string without quotes, bytes in base64, a boolean as "0" or "1"
}

// sfItem is an item or an inner list, with its parameters.
type sfItem struct {
	kind   sfKind
	text   string
	items  []sfItem // of a list
	params []sfParam
}

// sfMember is a member of a dictionary.
type sfMember struct {
	key string
	sfItem
}

// appendTo appends i in the canonical form of RFC 8941, which is the form that
// signatures cover.
func (i sfItem) appendTo(b []byte) []byte {
	if i.kind == sfList {
		b = append(b, '(')
		for n, item := range i.items {
			if n > 0 {
				b = append(b, ' ')
			}
			b = item.appendTo(b)
		}
		b = append(b, ')')
	} else {
		b = appendBare(b, i.kind, i.text)
	}
	for _, p := range i.params {
		b = append(append(b, ';'), p.key...)
		if p.kind != sfBoolean || p.text != "1" {
			b = appendBare(append(b, '='), p.kind, p.text)
		}
	}
	return b
}

func appendBare(b []byte, kind sfKind, text string) []byte {
	switch kind {
	case sfString:
		b = append(b, '"')
		for i := range len(text) {
			if text[i] == '"' || text[i] == '\\' {
				b = append(b, '\\')
			}
			b = append(b, text[i])
		}
		return append(b, '"')
	case sfBytes:
		return append(append(append(b, ':'), text...), ':')
	case sfBoolean:
		return append(append(b, '?'), text...)
	default:
		return append(b, text...)
	}
}

// sfDictionary parses a header that is a dictionary. It is stricter than RFC
// 8941: it rejects duplicate keys and numbers with leading zeros. Two parsers
// could read those differently.
func sfDictionary(name string, h core.Header) ([]sfMember, error) {
	values := h.Values(name)
	size := 0
	for _, v := range values {
		// Limit the size before joining the values, since strangers send these headers.
		if size += len(v) + 2; size > maxFieldBytes+2 {
			return nil, malformed(name + " has more than " + strconv.Itoa(maxFieldBytes) + " bytes")
		}
	}
	// RFC 8941: several header lines are one dictionary.
	p := sfParser{text: strings.Trim(strings.Join(values, ", "), " ")}
	if p.text == "" {
		return nil, missing(name)
	}
	members := p.dictionary()
	switch {
	case p.tooMany:
		return nil, malformed(name + " has " + p.wrong)
	case p.wrong != "":
		return nil, malformed(name + " cannot be read: " + p.wrong + ", at byte " + strconv.Itoa(p.wrongAt) + ". Did the sender or a proxy damage the header?")
	}
	return members, nil
}

// sfParser parses structured fields. It stores the first mistake in wrong.
// After a mistake, results are meaningless and the loops end, so the methods
// need no error results.
type sfParser struct {
	text    string
	at      int
	wrong   string
	wrongAt int  // counted from 1
	tooMany bool // wrong is a number over a limit, not an error of syntax
}

// fail records a mistake. It keeps only the first one, which is the most
// useful.
func (p *sfParser) fail(wrong string) {
	if p.wrong == "" {
		p.wrong, p.wrongAt = wrong, p.at+1
	}
}

// limit records that there are more than n things.
func (p *sfParser) limit(n int, things string) {
	p.tooMany = p.tooMany || p.wrong == ""
	p.fail("more than " + strconv.Itoa(n) + " " + things)
}

// peek returns the next byte, or 0 at the end.
func (p *sfParser) peek() byte {
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

// consume reports whether c comes next, and if so moves past it.
func (p *sfParser) consume(c byte) bool {
	if c != p.peek() || p.at == len(p.text) {
		return false
	}
	p.at++
	return true
}

// skip moves past all bytes in set.
func (p *sfParser) skip(set string) {
	for p.at < len(p.text) && strings.IndexByte(set, p.text[p.at]) >= 0 {
		p.at++
	}
}

// while moves past the longest run of bytes that ok accepts, and returns it.
func (p *sfParser) while(ok func(byte) bool) string {
	from := p.at
	for p.at < len(p.text) && ok(p.text[p.at]) {
		p.at++
	}
	return p.text[from:p.at]
}

func (p *sfParser) dictionary() []sfMember {
	var members []sfMember
	for p.wrong == "" {
		key := p.key()
		switch {
		case slices.ContainsFunc(members, func(m sfMember) bool { return m.key == key }):
			p.fail("a name occurs twice")
		case len(members) == maxLabels:
			p.limit(maxLabels, "entries")
		}
		// A key without a value is true (RFC 8941, section 3.2).
		m := sfMember{key, sfItem{kind: sfBoolean, text: "1"}}
		switch {
		case !p.consume('='):
			m.params = p.parameters()
		case p.consume('('):
			m.sfItem = p.list()
		default:
			m.sfItem = p.item()
		}
		members = append(members, m)
		p.skip(" \t")
		if p.at == len(p.text) {
			return members
		}
		if !p.consume(',') {
			p.fail("a comma between entries is missing")
		}
		p.skip(" \t")
	}
	return nil
}

// list parses an inner list after its opening parenthesis.
func (p *sfParser) list() sfItem {
	l := sfItem{kind: sfList}
	for p.wrong == "" {
		p.skip(" ")
		if p.consume(')') {
			l.params = p.parameters()
			return l
		}
		if len(l.items) == maxComponents {
			p.limit(maxComponents, "components")
		}
		l.items = append(l.items, p.item())
		if c := p.peek(); c != ' ' && c != ')' {
			p.fail("a list lacks a space or a closing parenthesis")
		}
	}
	return l
}

func (p *sfParser) item() sfItem {
	var i sfItem
	i.kind, i.text = p.bare()
	i.params = p.parameters()
	return i
}

func (p *sfParser) parameters() []sfParam {
	var params []sfParam
	for p.wrong == "" && p.consume(';') {
		p.skip(" ")
		one := sfParam{p.key(), sfBoolean, "1"}
		if p.consume('=') {
			one.kind, one.text = p.bare()
		}
		switch {
		case slices.ContainsFunc(params, func(q sfParam) bool { return q.key == one.key }):
			p.fail("a parameter occurs twice")
		case len(params) == maxParameters:
			p.limit(maxParameters, "parameters")
		}
		params = append(params, one)
	}
	return params
}

func (p *sfParser) key() string {
	first := p.peek()
	if first != '*' && (first < 'a' || first > 'z') {
		p.fail("a name does not start with a lower-case letter")
		return ""
	}
	return p.while(func(c byte) bool {
		return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '_' || c == '-' || c == '.' || c == '*'
	})
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isTokenByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || isDigit(c) || c > ' ' && strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// bare parses an item without its parameters.
func (p *sfParser) bare() (sfKind, string) {
	c := p.peek()
	switch {
	case c == '"':
		p.at++
		return sfString, p.quoted()
	case c == '-' || isDigit(c):
		return sfInteger, p.integer()
	case p.consume(':'):
		text := p.while(func(c byte) bool { return c != ':' })
		if _, err := base64.StdEncoding.Strict().DecodeString(text); err != nil || strings.ContainsAny(text, "\r\n") || !p.consume(':') {
			p.fail("bytes must be padded base64 between colons")
		}
		return sfBytes, text
	case p.consume('?'):
		text := p.while(func(c byte) bool { return c == '0' || c == '1' })
		if len(text) != 1 {
			p.fail("a boolean must be ?0 or ?1")
		}
		return sfBoolean, text
	case c == '*' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z':
		return sfToken, p.while(func(c byte) bool { return isTokenByte(c) || c == ':' || c == '/' })
	}
	p.fail("a value is missing or invalid")
	return 0, ""
}

// integer parses a number. The headers that this file parses have no fractions.
func (p *sfParser) integer() string {
	from := p.at
	minus := p.consume('-')
	text := p.while(isDigit)
	switch {
	// RFC 8941 allows 15 digits, which always fit an int64.
	case text == "" || len(text) > 15 || text[0] == '0' && (len(text) > 1 || minus):
		p.fail("a number is malformed or too long")
	case p.peek() == '.':
		p.fail("a number has a fraction")
	}
	return p.text[from:p.at]
}

// quoted parses a string after its opening quote.
func (p *sfParser) quoted() string {
	var b bytes.Buffer
	for p.at < len(p.text) {
		c := p.text[p.at]
		p.at++
		switch {
		case c == '"':
			return b.String()
		case c == '\\':
			if c = p.peek(); c != '"' && c != '\\' {
				p.fail("a backslash is not followed by a quote or a backslash")
				return ""
			}
			p.at++
		case c < ' ' || c > '~':
			p.fail("a string has a control character or one that is not ASCII")
			return ""
		}
		_ = b.WriteByte(c)
	}
	p.fail("a string has no closing quote")
	return ""
}
