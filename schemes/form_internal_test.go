package schemes //nolint:testpackage // the decoder is nobody else's business

import (
	"bytes"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// FuzzReadForm checks that a form is accepted or rejected as net/url does, in
// any order of its pairs.
func FuzzReadForm(f *testing.F) {
	for _, s := range []string{
		"", "&&", "a=1&b=2", "b=2&a=1&a=0", "a", "=", "=x", "a=b=c", "a=%41%2b+x", "a=%zz", "a=%4", "a%", "a;b=1", "a=1;", "%C3%A9=%e9", "a=\x00&b=\xff", "a=1&a=1&", "a=%%%",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Count(text, "&") > 1000 {
			return // net/url has a limit that depends on its version
		}
		values, err := url.ParseQuery(text)
		form := new(form)
		for _, read := range []func() bool{func() bool { return readForm(form, text) }, func() bool { return readForm(form, []byte(text)) }} {
			if ok := read(); ok != (err == nil) {
				t.Fatalf("%q: %t, where net/url says %v", text, ok, err)
			} else if !ok {
				continue
			}
			var want, got []string
			for name, all := range values {
				for _, value := range all {
					want = append(want, name+"\x01"+value)
				}
			}
			for _, p := range form.pairs {
				got = append(got, string(p.name)+"\x01"+string(p.value))
			}
			if !slices.IsSortedFunc(form.pairs, func(a, b pair) int { return bytes.Compare(a.name, b.name) }) {
				t.Errorf("%q is not sorted: %q", text, got)
			}
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%q: %q, net/url says %q", text, got, want)
			}
		}
	})
}

func TestAFormHasBoundedPairs(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range maxPairs + 1 {
		b.WriteString("&" + strconv.Itoa(i) + "=")
	}
	form := newForm()
	defer form.release()
	if readForm(form, b.String()) || !readForm(form, b.String()[len("&0=&"):]) {
		t.Errorf("%d pairs are the most", maxPairs)
	}
	// An attacker may add empty pairs to a form of which only the values are signed. net/url counts
	// them too, and then a handler would have no values.
	if readForm(form, "a=1"+strings.Repeat("&", maxPairs)) || !readForm(form, "a=1"+strings.Repeat("&", maxPairs-1)) {
		t.Errorf("%d empty pairs are the most", maxPairs)
	}
}
