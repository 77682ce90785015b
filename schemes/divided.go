package schemes

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hookonce/hookonce/core"
)

// This file reads a body that [Template].Body divides into a signed part, the
// signatures and what Content names. Nothing else may be in it, since nobody
// would have signed that.

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
		case !t.Body.none() && f.inForm() != t.Body.inForm():
			fail("%s and Body must both be in a form, or both in JSON", n.name)
		}
	}
	body := t.Body
	switch {
	case body.none():
		return mistakes
	case !body.inBody() || len(body.path) > 1:
		mistakes = append(mistakes, errors.New("the Body must be a Form, a SortedForm or a JSON with one name: a member of the body itself"))
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
		s.members = append(s.members, n.field.member()...)
	}
	for _, n := range inside {
		switch f := n.field; {
		case !f.inBody(), body.sorted, !body.inForm() && len(f.path) > 1 && f.path[0] == body.path[0]:
		case len(f.path) > 1:
			fail("%s is in a member of the body that is not signed: it must be in the Body, or beside it", n.name)
		case n.part == partBody || !s.has(n.part):
			fail("%s is beside the Body and not signed: name it in Content", n.name)
		case f.same(body):
			fail("%s and Body are in the same place", n.name)
		default:
			s.members = append(s.members, f.member()...)
		}
	}
	if s.members = append(s.members, body.member()...); body.sorted {
		s.members = nil
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

// onlyNames rejects a divided body with members or fields that nothing signs,
// or with one of them twice: two parsers could each take another one.
func (s *templated) onlyNames(body []byte, found *contents) error {
	const unsigned = "the body has other members or fields than the signed ones"
	switch {
	case s.t.Body.none():
		return nil
	case s.form:
		for i, p := range found.form.pairs {
			if i > 0 && string(p.name) == string(found.form.pairs[i-1].name) {
				return malformed("the form in the body has a field twice: cannot tell which one counts")
			}
			if s.members != nil && !slices.Contains(s.members, string(p.name)) {
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
	for name := range o {
		if !slices.Contains(s.members, name) {
			return malformed(unsigned)
		}
	}
	return nil
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
	var signatures []string
	for _, field := range append([]Field{s.t.Signature}, s.t.More...) {
		signatures = append(signatures, field.form)
	}
	text, from := make([]byte, 0, len(f.text)+2*len(f.pairs)), 0
	for _, p := range f.pairs {
		switch name, value := string(p.name), string(p.value); {
		case slices.Contains(signatures, name) && name != "":
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
// "&". Take the first place where two readings of one text differ. There one of
// them begins a pair, whose name sorts after the pair before it, and the other
// one has that name inside the value of the same pair. splits finds it, so of
// two readings at most one is accepted.
func splits(name, value string, isName func(string) bool) bool {
	for {
		_, rest, ok := strings.Cut(value, "&")
		if !ok {
			return false
		}
		if other, _, ok := strings.Cut(rest, "="); ok && other > name && isName(other) {
			return true
		}
		value = rest
	}
}
