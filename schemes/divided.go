package schemes

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hookonce/hookonce/core"
)

// This file reads a body that [Template].Body divides into three: the signed
// part, the signatures, and the values that Content names. The body must have
// nothing else, because that would not be signed.

// checkBody finds a Body that cannot be read, and values in the body that are
// not signed.
func (s *templated) checkBody() (mistakes []error) {
	t := &s.t
	fail := func(format string, args ...any) { mistakes = append(mistakes, fmt.Errorf(format, args...)) }
	type named struct {
		name  string
		field Field
		part  partKind // the part of Content that signs the value
	}
	inside := []named{{"ID", t.ID, partID}, {"Timestamp", t.Timestamp, partTimestamp}}
	for _, f := range t.Stable {
		inside = append(inside, named{"Stable", f, partBody})
	}
	outside := []named{{name: "Signature", field: t.Signature}}
	for _, f := range t.More {
		outside = append(outside, named{name: "More", field: f})
	}
	for _, n := range append(inside, outside...) {
		s.form = s.form || n.field.inForm()
		switch f := n.field; {
		case f.sorted:
			fail("%s is a SortedForm: only Body can be that", n.name)
		case !f.inBody():
		case t.Body.none() && f.inForm() && n.name != "ID":
			fail("%s is a Form: set Body to the part of the form that is signed", n.name)
		case t.Body.none() && f.inForm() != t.ID.inForm() && t.ID.inBody():
			fail("%s and ID must both be in a form, or both in JSON", n.name)
		case !t.Body.none() && f.inForm() != t.Body.inForm():
			fail("%s and Body must both be in a form, or both in JSON", n.name)
		}
	}
	body := t.Body
	switch {
	case body.none():
		return mistakes
	case !body.inBody() || len(body.path) > 1:
		return append(mistakes, errors.New("the Body must be a Form, a SortedForm or a JSON with one name: a member of the body itself"))
	case t.Gunzip:
		mistakes = append(mistakes, errors.New("the Body and Gunzip exclude each other"))
	}
	s.form = body.inForm()
	for _, n := range outside {
		switch f := n.field; {
		case len(f.path) > 1:
			fail("%s must be a JSON with one name, as Body is: with Body, a member in another one is not signed", n.name)
		case f.inBody() && f.same(body):
			fail("%s and Body are in the same place", n.name)
		}
		s.signatures = append(s.signatures, n.field.member()...)
	}
	for _, n := range inside {
		switch f := n.field; {
		case !f.inBody(), body.sorted, !body.inForm() && len(f.path) > 1 && f.path[0] == body.path[0]:
		case f.same(body):
			fail("%s and Body are in the same place", n.name)
		case n.part == partBody:
			fail("%s must be in the Body: leave out the members beside it", n.name)
		case len(f.path) > 1:
			fail("%s is in a member of the body that is not signed: it must be in the Body, or beside it", n.name)
		case !s.has(n.part):
			fail("%s is beside the Body and not signed: name it in Content", n.name)
		default:
			s.members = append(s.members, f.member()...)
		}
	}
	return mistakes
}

// member returns the name in the body that leads to the field, if there is one.
func (f *Field) member() []string {
	switch {
	case f.form != "":
		return []string{f.form}
	case len(f.path) > 0:
		return f.path[:1]
	default:
		return nil
	}
}

// onlySigned rejects a divided body with members or fields that nothing signs,
// or with one of them twice: two parsers could each take a different one. It
// also rejects a signature or an id on which a parser could fail, or in which
// it could find another value than the signed one.
func (s *templated) onlySigned(body []byte, found *contents) error {
	const unsigned = "the body has other members or fields than the signed ones"
	const unlike = "a signature in the body has characters that no signature has"
	switch {
	case s.t.Body.none():
		return nil
	case s.form:
		for i, p := range found.form.pairs {
			switch name := string(p.name); {
			case i > 0 && name == string(found.form.pairs[i-1].name):
				return malformed("the form in the body has a field twice: cannot tell which one counts")
			case slices.Contains(s.signatures, name):
				if !s.isSignature(string(p.value)) {
					return malformed(unlike)
				}
			case !s.t.Body.sorted && name != s.t.Body.form && !slices.Contains(s.members, name):
				return malformed(unsigned)
			}
		}
		return nil
	}
	// Our scanner also reads bodies that are not quite JSON, and another parser could find other
	// members there.
	o, err := parseObject(body)
	if err != nil {
		return malformed("the body is not a valid message: " + err.Error())
	}
	for name, value := range o {
		switch raw := string(value); {
		case name == s.t.Body.path[0]:
		case slices.Contains(s.signatures, name):
			text := strings.TrimPrefix(raw, `"`)
			if raw != "null" && (text == raw || !s.isSignature(strings.TrimSuffix(text, `"`))) {
				return malformed(unlike)
			}
		case !slices.Contains(s.members, name):
			return malformed(unsigned)
		// A number and a string have the same signed text, so an attacker can replace one with the
		// other.
		case raw[0] != '"' && !printsAsWritten(raw):
			return malformed("the member " + name + " of the body must be a string, or a whole number of up to 15 digits: parsers could round another number")
		}
	}
	return nil
}

// isSignature reports whether a text in the body can be a signature in one of
// the encodings, with or without its label. It may be empty.
func (s *templated) isSignature(text string) bool {
	return strings.Trim(strings.TrimPrefix(text, s.t.Label), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=:") == ""
}

// writeForm appends the signed part of a form to the signed content.
func (s *templated) writeForm(f *form, a *core.Attempt) error {
	if !s.t.Body.sorted {
		value, ok := f.value(s.t.Body.form)
		if !ok {
			return s.t.Body.absent("signed part", "")
		}
		a.Content.WriteBody(value)
		return nil
	}
	text, from := make([]byte, 0, len(f.text)+2*len(f.pairs)), 0
	for _, p := range f.pairs {
		switch name, value := string(p.name), string(p.value); {
		case slices.Contains(s.signatures, name):
			continue
		case !isPart(name), splits(name, value, isPart):
			return malformed("the fields of the form could be split in another way, so one signature would fit two messages")
		}
		if len(text) > 0 {
			text = append(text, '&')
		}
		text = append(append(text, p.name...), '=')
		if s.t.Timestamp.form != string(p.name) || s.t.Timestamp.form == "" {
			text = append(text, p.value...)
			continue
		}
		a.Content.WriteBody(text[from:len(text):len(text)])
		a.Content.WriteTime(string(p.value))
		from = len(text)
	}
	a.Content.WriteBody(text[from:])
	return nil
}

// isPart reports whether a form may have this name: its end is clear.
func isPart(name string) bool { return !strings.ContainsAny(name, "&=") }

// splits reports whether the value of a name could also be read as a shorter
// value and further pairs, in a text of sorted pairs "name=value" joined with
// "&". Two readings of one text differ for the first time at an "&". In one of
// them, a new pair begins there, and its name sorts after the current one. In
// the other one, the value of the current pair contains all of that. splits
// rejects the second one, so at most one reading is accepted.
func splits(name, value string, isName func(string) bool) bool {
	for {
		_, rest, ok := strings.Cut(value, "&")
		if !ok {
			return false
		}
		value = rest
		pair, _, _ := strings.Cut(rest, "&") // no name contains "&", and a search beyond it would take quadratic time
		if other, _, ok := strings.Cut(pair, "="); ok && other > name && isName(other) {
			return true
		}
	}
}
