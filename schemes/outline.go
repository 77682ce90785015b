package schemes

import "strconv"

// outline is the tree of all values that a scheme reads from a JSON body, so
// one pass finds them all. Each value is the one that find returns for its
// path.
type outline struct {
	root  branch
	count int // the number of nodes below the root
}

// branch is a node of an outline: a name or an index on the path to a value.
type branch struct {
	name     string
	index    int  // the name as an array index, or -1 if it cannot be one
	at       int  // the value's position in contents.places, counted from 1
	whole    bool // also find the end of the value
	batch    bool // find out whether the array has other elements
	children []branch
}

// fewFields is enough for every scheme of this package, including the unused
// place zero.
const fewFields = 9

// place holds the offsets of a value. The zero place means that there is no
// value. from and to are equal if the end was not requested, or if the value
// has no end.
type place struct{ from, to int }

// add adds a path to the outline. It returns the position of the path's value
// in contents.places, or 0 if path is empty. whole requests the end of the
// value. batch requests whether arrays on the path have other elements.
func (o *outline) add(path []string, whole, batch bool) int {
	if len(path) == 0 {
		return 0
	}
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

// child returns the child with this name, unless its value was found already:
// the first of two equal names counts. If found is nil, child does not check
// that.
func (m *branch) child(name []byte, found []place) *branch {
	for i := range m.children {
		if c := &m.children[i]; string(name) == c.name && (found == nil || found[c.at] == place{}) {
			return c
		}
	}
	return nil
}

// contents holds the offsets of the values in one body. It does not hold the
// body itself, so the compiler can keep places on the caller's stack.
type contents struct {
	places  []place
	several bool  // an array on a batch path has other elements
	form    *form // the body as a form, for a scheme that reads one
}

// read finds the values of the outline in a body. It uses places as memory if
// that slice is long enough.
func (o *outline) read(body []byte, places []place) contents {
	// Position zero stays empty: it stands for a value that is not in the outline.
	if len(places) <= o.count {
		places = make([]place, o.count+1)
	}
	s := search{scanner{body, 0}, contents{places: places}}
	if o.count > 0 {
		s.branch(&o.root, false)
	}
	return contents{places: places, several: s.several}
}

// search is the state of one pass over a body.
type search struct {
	scanner
	contents
}

// branch reads a value. If past is true, the pass continues after the value, so
// its end is needed. branch returns false if the value has no end.
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

// members reads an object, and stops after the last member that is in the
// outline.
func (s *search) members(m *branch, past bool) {
	for left := len(m.children); ; {
		s.space()
		name := s.text()
		if name == nil || !s.is(':') {
			return
		}
		// The first member with a name counts, as in find.
		child := m.child(name, s.places)
		var ok bool
		if child == nil || !unescaped(name) {
			ok = s.skip()
		} else {
			left--
			ok = s.branch(child, past || left > 0)
		}
		if !ok {
			// After a value without an end, the rest of the body is unreadable.
			s.i = len(s.b)
		}
		if left == 0 || !s.is(',') {
			return
		}
	}
}

// elements reads an array, and stops after the last element that is in the
// outline. For a batch it tries to read one more element, to find out whether
// there is one.
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
			// The elements before this one are other events.
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

// value returns the text of a field in the body. at is its position in places.
func (c *contents) value(body []byte, f *Field, at int) ([]byte, bool) {
	if f.form != "" {
		return c.form.value(f.form)
	}
	return c.textOf(body, at)
}

// textOf returns the string or number at a position of places, as find does.
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

// valueOf returns the JSON text of a value of any kind, including quotes and
// brackets. It returns nil if there is none.
func (c *contents) valueOf(body []byte, at int) []byte {
	p := c.places[at]
	if p.from == p.to {
		return nil
	}
	to := p.to
	for to > p.from && isSpace(body[to-1]) {
		to--
	}
	return body[p.from:to:to]
}
