package schemes

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/hookonce/hookonce/core"
)

// form is a decoded form or query, sorted by name and value. Forms are pooled,
// so parsing an unverified body allocates nothing.
type form struct {
	text  []byte
	pairs []pair
}

type pair struct{ name, value []byte }

func (p pair) compare(other pair) int {
	return cmp.Or(bytes.Compare(p.name, other.name), bytes.Compare(p.value, other.value))
}

var forms = sync.Pool{New: func() any { return new(form) }} //nolint:gochecknoglobals // a pool holds no state

const (
	maxPairs = 10_000   // as many as net/url accepts by default
	maxKept  = 64 << 10 // a larger form is not pooled, because one request would keep its memory allocated indefinitely
)

func newForm() *form {
	f, _ := forms.Get().(*form)
	return f
}

// release returns the form to the pool. The caller must not use the names and
// values after that.
func (f *form) release() {
	if cap(f.text) > maxKept || len(f.pairs) > maxKept/64 {
		return
	}
	// Drop the references to the text, which may be replaced when it grows.
	clear(f.pairs)
	f.text, f.pairs = f.text[:0], f.pairs[:0]
	forms.Put(f)
}

// readForm accepts and rejects the same texts as url.ParseQuery. Otherwise the
// signed parameters and those that the handler parses could differ.
func readForm[T string | []byte](f *form, text T) bool {
	f.text, f.pairs = slices.Grow(f.text[:0], len(text)), f.pairs[:0] // decoding never lengthens a text, so f.text is not reallocated while the pairs refer to it
	segments := 0
	for i := 0; i <= len(text); i++ {
		// net/url counts the empty ones too.
		if segments++; segments > maxPairs {
			return false
		}
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
		if !ok {
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

// appendDecoded decodes text[from:to], a name or a value, and appends it to
// f.text. The returned slice has no spare capacity, so appending to it cannot
// overwrite the next one.
func appendDecoded[T string | []byte](f *form, text T, from, to int) ([]byte, bool) {
	start := len(f.text)
	for i := from; i < to; i++ {
		c := text[i]
		switch c {
		// url.ParseQuery rejects a semicolon too.
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

// has reports whether a pair has this name.
func (f *form) has(name string) bool {
	return slices.ContainsFunc(f.pairs, func(p pair) bool { return string(p.name) == name })
}

// value returns the value of the only pair with this name.
func (f *form) value(name string) ([]byte, bool) {
	i := slices.IndexFunc(f.pairs, func(p pair) bool { return string(p.name) == name })
	if i < 0 || i+1 < len(f.pairs) && string(f.pairs[i+1].name) == name { // the pairs are sorted
		return nil, false
	}
	return f.pairs[i].value, true
}

// write appends the pairs to c, with between after each name and behind after
// each pair except the last.
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
