package schemes

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/hookonce/hookonce/core"
)

// form is a decoded form or query, sorted by name and value. It is reused, so
// that reading what is not verified yet allocates nothing.
type form struct {
	text  []byte
	pairs []pair
}

type pair struct{ name, value []byte }

func (p pair) compare(other pair) int {
	return cmp.Or(bytes.Compare(p.name, other.name), bytes.Compare(p.value, other.value))
}

var forms = sync.Pool{New: func() any { return new(form) }} //nolint:gochecknoglobals // a pool is no state

const (
	maxPairs = 10_000   // as many as net/url takes
	maxKept  = 64 << 10 // bytes of a form that is kept for the next request
)

func newForm() *form {
	f, _ := forms.Get().(*form)
	return f
}

// release lets go of the form. What was read of it must not be used after.
func (f *form) release() {
	if cap(f.text) > maxKept || len(f.pairs) > maxKept/64 {
		return
	}
	clear(f.pairs)
	f.text, f.pairs = f.text[:0], f.pairs[:0]
	forms.Put(f)
}

// readForm reads what url.ParseQuery reads, and refuses what that refuses.
func readForm[T string | []byte](f *form, text T) bool {
	f.text, f.pairs = slices.Grow(f.text[:0], len(text)), f.pairs[:0] // no text is longer when it is decoded, so it does not move
	for i := 0; i <= len(text); i++ {
		from := i
		for i < len(text) && text[i] != '&' {
			i++
		}
		if from == i {
			continue
		}
		value := from
		for value < i && text[value] != '=' {
			value++
		}
		name, ok := appendDecoded(f, text, from, value)
		if !ok || len(f.pairs) == maxPairs {
			return false
		}
		decoded, ok := appendDecoded(f, text, min(value+1, i), i)
		if !ok {
			return false
		}
		f.pairs = append(f.pairs, pair{name, decoded})
	}
	slices.SortFunc(f.pairs, pair.compare)
	return true
}

// appendDecoded decodes a name or a value.
func appendDecoded[T string | []byte](f *form, text T, from, to int) ([]byte, bool) {
	start := len(f.text)
	for i := from; i < to; i++ {
		c := text[i]
		switch c {
		case ';':
			return nil, false
		case '+':
			c = ' '
		case '%':
			if to-i < 3 {
				return nil, false
			}
			high, ok := fromHex(text[i+1])
			low, also := fromHex(text[i+2])
			if !ok || !also {
				return nil, false
			}
			c = high<<4 | low
			i += 2
		}
		f.text = append(f.text, c)
	}
	return f.text[start:len(f.text):len(f.text)], true
}

func fromHex(c byte) (byte, bool) {
	i := strings.IndexByte("0123456789abcdef", c|0x20)
	return byte(max(i, 0)), i >= 0 && c > ' ' //nolint:gosec // under 16
}

// has says that there is a pair of this name.
func (f *form) has(name string) bool {
	return slices.ContainsFunc(f.pairs, func(p pair) bool { return string(p.name) == name })
}

// write adds the pairs.
func (f *form) write(c *core.Content, between, behind string) {
	for i, p := range f.pairs {
		if i > 0 {
			c.WriteString(behind)
		}
		_, _ = c.Write(p.name) // it never fails
		c.WriteString(between)
		_, _ = c.Write(p.value)
	}
}
