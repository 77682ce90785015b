package schemes

import (
	"bytes"
	"strconv"
)

// outline is what a scheme reads of a JSON body, so that one pass finds all of
// it. Each value is what find returns for its path alone.
type outline struct {
	root  branch
	count int // of members below the root
}

// branch is a name or an index on the way to a value.
type branch struct {
	name     string
	index    int  // of an element of an array, -1: only a name
	at       int  // of its place in what is found, counted from 1
	whole    bool // the end of the value counts, too
	batch    bool // whether an array has other elements counts, too
	children []branch
}

// fewFields are those of the senders of this package, and the zero place.
const fewFields = 9

// place is where a value was found: the zero place is none. It is empty where
// nobody asked for the end of the value, or where that has none.
type place struct{ from, to int }

// add returns where the place of the value at path will be, 0 if path is
// empty. whole asks for its end, batch whether arrays on the way have other
// elements.
func (o *outline) add(path []string, whole, batch bool) int {
	m := &o.root
	for _, name := range path {
		child := m.child([]byte(name), nil)
		if child == nil {
			o.count++
			index := -1
			if isIndex(name) {
				index, _ = strconv.Atoi(name)
			}
			m.children = append(m.children, branch{name: name, index: index, at: o.count})
			child = &m.children[len(m.children)-1]
		}
		m = child
		m.batch = m.batch || batch && m.index >= 0
	}
	m.whole = m.whole || whole
	return m.at
}

// child is the one of this name that was not found yet.
func (m *branch) child(name []byte, found []place) *branch {
	for i := range m.children {
		if c := &m.children[i]; string(name) == c.name && (found == nil || found[c.at] == place{}) {
			return c
		}
	}
	return nil
}

// contents says where the values of one body are. It does not hold the body, so
// that the compiler sees that places stays on the stack of its user.
type contents struct {
	places  []place
	several bool // an array on the way to a batch has other elements
}

// read finds what the outline has of a body. places is memory for it, if it is
// long enough.
func (o *outline) read(body []byte, places []place) contents {
	if len(places) <= o.count {
		places = make([]place, o.count+1)
	}
	s := search{scanner{body, 0}, contents{places: places}}
	if o.count > 0 {
		s.branch(&o.root, false)
	}
	return contents{places, s.several}
}

// search is one pass.
type search struct {
	scanner
	contents
}

// branch reads a value. past says that the end of it is looked for; it returns
// false if there is none.
func (s *search) branch(m *branch, past bool) bool {
	s.space()
	from := s.i
	past = past || m.whole
	entered := false
	if len(m.children) > 0 && from < len(s.b) {
		switch s.b[from] {
		case '{':
			entered = true
			s.i++
			s.members(m, past)
		case '[':
			entered = true
			s.i++
			s.elements(m, past)
		}
	}
	ok := true
	switch {
	case !past:
	case entered:
		ok = s.leave(1)
	default:
		ok = s.skip()
	}
	switch {
	case m.at == 0: // the body itself
	case past && ok:
		s.places[m.at] = place{from, s.i}
	default:
		s.places[m.at] = place{from, from}
	}
	return ok
}

// members reads an object, up to the last of its members that is in the
// outline.
func (s *search) members(m *branch, past bool) {
	for left := len(m.children); ; {
		s.space()
		name := s.text()
		if name == nil || !s.is(':') {
			return
		}
		child := m.child(name, s.places)
		var ok bool
		if child == nil || !unescaped(name) {
			ok = s.skip()
		} else {
			left--
			ok = s.branch(child, past || left > 0)
		}
		if !ok {
			s.i = len(s.b)
		}
		if left == 0 || !s.is(',') {
			return
		}
	}
}

// elements reads an array, up to the last of its elements that is in the
// outline.
func (s *search) elements(m *branch, past bool) {
	left := 0
	for i := range m.children {
		if m.children[i].index >= 0 {
			left++
		}
	}
	for index := 0; left > 0; index++ {
		var child *branch
		for i := range m.children {
			if m.children[i].index == index {
				child = &m.children[i]
			}
		}
		var ok, batch bool
		if child == nil {
			ok = s.skip()
		} else {
			left--
			batch = child.batch
			s.several = s.several || batch && index > 0
			ok = s.branch(child, past || left > 0 || batch)
		}
		if !ok {
			s.i = len(s.b)
		}
		if left == 0 && !batch || !s.is(',') {
			return
		}
		s.several = s.several || batch
	}
}

// textOf returns the string or number at a place of the body, as find does.
func (c *contents) textOf(body []byte, at int) ([]byte, bool) {
	from, to, ok := c.placeOf(body, at)
	if !ok {
		return nil, false
	}
	return body[from:to:to], true
}

func (c *contents) placeOf(body []byte, at int) (from, to int, ok bool) {
	if c.places[at] == (place{}) {
		return 0, 0, false
	}
	value := scanner{body, c.places[at].from}
	return value.scalar()
}

// valueOf returns a value of any kind, as it is written: a string has its
// quotes, an object or an array is whole. Nil: there is none.
func (c *contents) valueOf(body []byte, at int) []byte {
	p := c.places[at]
	if p.from == p.to {
		return nil
	}
	return bytes.TrimRight(body[p.from:p.to:p.to], " \t\r\n")
}
