package whtest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hookonce/hookonce/core"
)

// carrier is a header that contains an unsigned id.
type carrier struct {
	index int // in Attempt.Unsigned
	name  string
	id    string // the genuine id, up to a list's separator, even if the scheme uses less of it
}

// put returns a copy of r with another id.
func (c carrier) put(r *core.Request, id string) *core.Request {
	r = clone(r)
	for i, value := range lines(r)[c.name] {
		lines(r)[c.name][i] = strings.Replace(value, c.id, id, 1)
	}
	return r
}

// around returns the entry of the list value that contains id.
func around(value, id string) string {
	const separators = `,;= "`
	before, after, _ := strings.Cut(value, id)
	if i := strings.IndexAny(after, separators); i >= 0 {
		after = after[:i]
	}
	return before[strings.LastIndexAny(before, separators)+1:] + id + after
}

// fresh returns the n-th variant of id. With n = 0 the variant is id itself.
// Digits stay digits, and letters stay letters. ok is false if id is too short
// for n variants.
func fresh(id string, n int) (text string, ok bool) {
	b := []byte(id)
	for i := len(b) - 1; i >= 0 && n > 0; i-- {
		if !isAlphanumeric(b[i]) {
			continue
		}
		if n&1 == 1 {
			b[i] = other(b[i])
		}
		n >>= 1
	}
	return string(b), n == 0
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// carriers finds the unsigned ids of r, a genuine request that the scheme reads
// as at. problems lists the ids that are in no header.
func (a *audit) carriers(r *core.Request, at *core.Attempt) (found []carrier, problems []string) {
	for i, id := range at.Unsigned {
		if id == "" {
			problems = append(problems, fmt.Sprintf("Subject.Sign leaves Unsigned[%d] empty, so the suite cannot test whether it counts", i))
			continue
		}
		changed, ok := fresh(id, 1)
		before := len(found)
		eachValue(r, func(name, value string, with func(...string) *core.Request) {
			if !ok || len(found) > before || !strings.Contains(value, id) {
				return
			}
			got, err := a.attempt(with(strings.Replace(value, id, changed, 1)))
			if err == nil && i < len(got.Unsigned) && got.Unsigned[i] != id {
				found = append(found, carrier{i, name, around(value, id)})
			}
		})
		if len(found) == before {
			problems = append(problems, fmt.Sprintf("no header contains Unsigned[%d] unchanged, so the suite cannot change it", i))
		}
	}
	return found, problems
}

func checkUnsigned(a *audit) {
	r := a.genuine()
	at, err := a.attempt(r)
	if err != nil {
		a.errorf("the genuine request is refused: %v", err)
		return
	}
	want := slices.Clone(at.Unsigned)
	count := func(what string, r *core.Request) {
		if at, err := a.attempt(r); err == nil && len(at.Unsigned) != len(want) {
			a.errorf("%s: %d unsigned ids, a genuine request has %d", what, len(at.Unsigned), len(want))
		}
	}
	count("another message", a.Sign("msg_2", schemeNow.Add(time.Minute), []byte(`{"n":2}`)))
	count("no content", a.Sign(schemeID, schemeNow, nil))
	for name := range lines(r) {
		for _, values := range [][]string{nil, {}, {""}, {"other"}, {"a", "b"}} {
			c := clone(r)
			lines(c)[name] = values
			if values == nil {
				delete(lines(c), name)
			}
			count(fmt.Sprintf("%s = %q", name, values), c)
		}
	}
	for range 20 {
		if at, err := a.attempt(a.genuine()); err == nil && !slices.Equal(at.Unsigned, want) {
			a.errorf("one request has the unsigned ids %q and %q", want, at.Unsigned)
			break
		}
	}
	carriers, problems := a.carriers(r, at)
	for _, p := range problems {
		a.errorf("%s", p)
	}
	for _, c := range carriers {
		for _, i := range positions(len(c.id), 96) {
			if !isAlphanumeric(c.id[i]) {
				continue
			}
			changed := c.put(r, c.id[:i]+string(other(c.id[i]))+c.id[i+1:])
			if at, err := a.attempt(changed); err == nil && slices.Equal(at.Unsigned, want) {
				a.errorf("after a change of byte %d of the id in %s, the unsigned ids are the same", i, c.name)
			}
		}
		for what, id := range map[string]string{
			"of 257 bytes": strings.Repeat("a", 257), "of 64 KiB": strings.Repeat("a", 64<<10), "not ASCII": "zürich", "two words": "a b", "a line break": "a\nb",
		} {
			a.refused("the id in "+c.name+" "+what, c.put(r, id), core.ErrMalformed, core.ErrMissingHeader)
		}
	}
}

func checkRepeats(a *audit) {
	const repeats, tries = 2, 8
	r := a.genuine()
	at, err := a.attempt(r)
	if err != nil || !a.identified() {
		return // other cases report the mistake
	}
	carriers, _ := a.carriers(r, at)
	// runs sends tries requests that differ from the genuine one, and counts their outcomes.
	runs := func(what string, vary func(n int) *core.Request) {
		v, ran := a.repeating(repeats, a.Secret), 0
		for n := range tries {
			if admitted(v, vary(n)) {
				ran++
			}
		}
		if ran > 1+repeats {
			a.errorf("%s rewritten: the handler ran %d times for one signed content, with a limit of %d", what, ran, 1+repeats)
		}
	}
	eachValue(r, func(name, value string, with func(...string) *core.Request) {
		runs(name, func(n int) *core.Request {
			text, _ := fresh(value, n)
			return with(text)
		})
	})
	runs("all unsigned ids", func(n int) *core.Request {
		c := r
		for _, carrier := range carriers {
			id, _ := fresh(carrier.id, n)
			c = carrier.put(c, id)
		}
		return c
	})
	if at.IDSigned {
		return
	}
	eachAttempt := a.Scheme.Stamping() == core.StampedEachAttempt
	for _, c := range carriers {
		another := r
		if eachAttempt { // one attempt is valid for one message
			another = a.Sign(schemeID, schemeNow.Add(time.Minute), []byte(schemeContent))
		}
		id, _ := fresh(c.id, 1)
		v := a.repeating(repeats, a.Secret)
		if admitted(v, r) && !admitted(v, c.put(another, id)) {
			a.errorf("another id in %s: an event with equal content is not handled", c.name)
		}
		if v := a.verifier(a.Secret); admitted(v, r) && admitted(v, c.put(r, id)) {
			a.errorf("another id in %s: handled a second time, though no repeats are allowed", c.name)
		}
	}
}

// acknowledged complains unless v recognizes r as an attempt of a handled
// message.
func (a *audit) acknowledged(what string, v *core.Verifier, r *core.Request, reply bool) {
	ran, err := outcome(v, r)
	switch {
	case ran:
		a.errorf("%s: handled again", what)
	case reply && err != nil && errors.Is(err, core.ErrReplay): // the sender needs the content of the response
	case err == nil || !err.Acknowledges():
		a.errorf("%s: not acknowledged (%v)", what, err)
	}
}

// indistinct reports whether at may be another event than an attempt with the
// same bytes.
func indistinct(at *core.Attempt) bool {
	return !at.IDSigned && at.Indistinct
}

func checkAttempts(a *audit) {
	first := a.genuine()
	at, err := a.attempt(first)
	if err != nil || !a.identified() {
		return // other cases report the mistake
	}
	eachAttempt := a.Scheme.Stamping() == core.StampedEachAttempt
	if eachAttempt && !at.IDSigned && (len(at.Unsigned) == 0 || slices.Contains(at.Unsigned, "")) {
		return // nothing distinguishes a retry from another message
	}
	later := a.genuine()
	if eachAttempt {
		later = a.Sign(schemeID, schemeNow.Add(time.Minute), []byte(schemeContent))
	}
	v := a.repeating(2, a.Secret)
	if !admitted(v, first) {
		a.errorf("a first message is not handled")
		return
	}
	if indistinct(at) {
		if ran, err := outcome(v, later); ran || !errors.Is(err, core.ErrRepeated) {
			a.errorf("equal bytes that may be another event: %v, want %s", err, core.ErrRepeated)
		}
		return
	}
	a.acknowledged("a later attempt", v, later, at.Reply)
}

func checkReuse(a *audit) {
	const content = `{"type":"customer.created","data":{"amount":"67890"}}`
	first, second := a.genuine(), a.Sign(schemeID, schemeNow, []byte(content))
	at, err := a.attempt(first)
	if err != nil || !a.identified() || !at.IDSigned {
		return
	}
	two, err := a.attempt(second)
	if err != nil || slices.Equal(at.Content.Bytes(), two.Content.Bytes()) {
		return // this sender's signature does not cover the content
	}
	if a.Scheme.Stamping() == core.StampedEachAttempt {
		second = a.Sign(schemeID, schemeNow.Add(time.Minute), []byte(content))
	}
	v := a.verifier(a.Secret)
	if !admitted(v, first) {
		a.errorf("a first message is not handled")
		return
	}
	if len(at.Stable) > 0 && slices.EqualFunc(at.Stable, two.Stable, func(a, b []byte) bool { return string(a) == string(b) }) {
		a.errorf("two contents under one id agree in Stable (%q): another event is acknowledged unseen", at.Stable)
		return
	}
	switch ran, err := outcome(v, second); {
	case ran:
		a.errorf("one id with another content: handled a second time")
	case err == nil || !errors.Is(err, core.ErrIDReused):
		a.errorf("one id with another content: %v, want %s", err, core.ErrIDReused)
	}
	if a.Scheme.Stamping() == core.StampedEachAttempt {
		a.acknowledged("and the first one's retry", v, a.Sign(schemeID, schemeNow.Add(2*time.Minute), []byte(schemeContent)), at.Reply)
	}
}
