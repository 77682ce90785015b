package whtest

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hookonce/hookonce/core"
)

// reading is a header that records which names are read.
type reading struct {
	http.Header

	names map[string]bool
}

// Values implements core.Header.
func (h reading) Values(name string) []string {
	h.names[http.CanonicalHeaderKey(name)] = true
	return h.Header.Values(name)
}

// Get implements core.Header.
func (h reading) Get(name string) string {
	h.names[http.CanonicalHeaderKey(name)] = true
	return h.Header.Get(name)
}

// headersRead returns the names that the scheme reads, in genuine requests and
// in incomplete ones.
func (a *audit) headersRead() map[string]bool {
	names := make(map[string]bool)
	read := func(r *core.Request) {
		r = clone(r)
		r.Header = reading{lines(r), names}
		_, _ = a.attempt(r)
	}
	r := a.genuine()
	for _, body := range a.bodiesWithoutID(r) {
		read(&core.Request{Method: r.Method, URL: r.URL, Header: r.Header, Body: body})
	}
	for name := range lines(r) {
		without := clone(r)
		delete(lines(without), name)
		read(without)
	}
	return names
}

// bodiesWithoutID returns the genuine body, the same body without its id, and
// other bodies without an id.
func (a *audit) bodiesWithoutID(r *core.Request) [][]byte {
	bodies := [][]byte{r.Body, []byte("{}"), []byte("null"), []byte(`{"id":null}`), []byte(`{"id":7}`)}
	ids := []string{schemeID}
	if at, err := a.attempt(r); err == nil && at.ID != "" {
		ids = append(ids, at.ID)
	}
	for _, id := range ids {
		for _, text := range []string{"null", "7", `""`} {
			bodies = append(bodies, bytes.ReplaceAll(r.Body, []byte(strconv.Quote(id)), []byte(text)))
		}
	}
	return bodies
}

// additions returns what an attacker would add: an id, a number and a later
// time.
func additions() []string {
	later := schemeNow.Add(time.Minute)
	return []string{
		"msg_another", "7", strconv.FormatInt(later.Unix(), 10), strconv.FormatInt(later.UnixMilli(), 10), later.Format(time.RFC3339),
	}
}

// checkAbsent adds each header that the scheme reads and the sender does not
// send.
func checkAbsent(a *audit) {
	r := a.genuine()
	for _, name := range slices.Sorted(maps.Keys(a.headersRead())) {
		if len(lines(r)[name]) > 0 {
			continue
		}
		for _, value := range additions() {
			with := clone(r)
			lines(with)[name] = []string{value}
			a.refusedOrSame(fmt.Sprintf("%s = %q added", name, value), with)
		}
	}
}

// checkSignedBytes requires that the signed content alone determines what
// identifies a message. It needs no key, so it also uses contents that this
// sender may never sign.
func checkSignedBytes(a *audit) {
	genuine := a.genuine()
	names := a.headersRead()
	for name := range lines(genuine) {
		names[name] = true
	}
	for _, body := range a.bodiesWithoutID(genuine) {
		r := clone(genuine)
		r.Body = body
		first, err := a.attempt(r)
		if err != nil {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(names)) {
			for _, values := range instead(lines(r)[name]) {
				changed := clone(r)
				lines(changed)[name] = values
				second, err := a.attempt(changed)
				if err != nil || string(first.Content.Bytes()) != string(second.Content.Bytes()) {
					continue
				}
				if one, two := identity(first), identity(second); one != two {
					a.errorf("body %.40q with %s = %.40q: the same signed content, but %s instead of %s", body, name, values, two, one)
				}
			}
		}
	}
}

// instead returns other lists of values.
func instead(values []string) [][]string {
	if len(values) == 0 {
		var all [][]string
		for _, value := range additions() {
			all = append(all, []string{value})
		}
		return all
	}
	changed, _ := fresh(values[0], 1)
	return [][]string{nil, {changed}}
}

// identity returns the properties that only the signed content may determine.
func identity(at *core.Attempt) string {
	id := "no signed id"
	if at.IDSigned {
		id = fmt.Sprintf("the signed id %q", at.ID)
	}
	moment := func(t time.Time) string {
		if t.IsZero() {
			return "none"
		}
		return t.UTC().Format(time.RFC3339Nano)
	}
	return fmt.Sprintf("%s, Timestamp %s, Expires %s, Stable %q", id, moment(at.Timestamp), moment(at.Expires), at.Stable)
}

// checkCase changes the case of letters in the body. A hash of case-folded text
// does not protect ids and names.
func checkCase(a *audit) {
	r := a.genuine()
	var letters []int
	for i, c := range r.Body {
		if 'a' <= c|0x20 && c|0x20 <= 'z' {
			letters = append(letters, i)
		}
	}
	for _, i := range positions(len(letters), 24) {
		c := clone(r)
		c.Body[letters[i]] ^= 0x20
		a.refusedOrSame(fmt.Sprintf("the case of byte %d of the body changed", letters[i]), c)
	}
}

// checkLong changes long bodies, also at the end: a scheme may read only a part
// of them.
func checkLong(a *audit) {
	for _, size := range []int{5 << 10, 70 << 10} {
		r := clone(a.Sign(schemeID, schemeNow, []byte(`{"type":"`+strings.Repeat("abcdefgh", size/8)+`"}`)))
		if len(r.Body) < size {
			continue // this sender's body does not grow with the content
		}
		if _, err := a.verifier(a.Secret).Verify(context.Background(), r); err != nil {
			continue // it sends none of this size
		}
		for _, i := range positions(len(r.Body), 8) {
			c := clone(r)
			c.Body[i] = other(c.Body[i])
			a.refusedOrSameAs(fmt.Sprintf("byte %d of a body of %d bytes changed", i, len(r.Body)), r, c)
		}
		last := bytes.LastIndexByte(r.Body, 'a') // of the text, so that JSON stays JSON
		for what, body := range map[string][]byte{
			"with a byte added":                append(bytes.Clone(r.Body), ' '),
			"cut by a byte":                    r.Body[:len(r.Body)-1],
			"with a byte of its text changed":  slices.Concat(r.Body[:last], []byte("x"), r.Body[last+1:]),
			"with a byte of its text left out": slices.Concat(r.Body[:last], r.Body[last+1:]),
		} {
			c := clone(r)
			c.Body = body
			a.refusedOrSameAs(fmt.Sprintf("a body of %d bytes %s", len(r.Body), what), r, c)
		}
	}
}
