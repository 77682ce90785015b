package whtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/hookonce/hookonce/core"
)

// checkFacts compares the scheme with its own Facts.
func checkFacts(a *audit) {
	f := core.FactsOf(a.Scheme)
	if f.Mistake != nil {
		a.errorf("Facts.Mistake: %v", f.Mistake)
		return
	}
	if data(f) != data(core.FactsOf(a.Scheme)) {
		a.errorf("Facts differ at a second call")
	}
	r := a.genuine()
	at, err := a.attempt(r)
	if err != nil {
		a.errorf("the genuine request is refused: %v", err)
		return
	}
	if f.Unsigned != (len(at.Unsigned) > 0) {
		a.errorf("Facts.Unsigned is %t, but Attempt.Unsigned has %d elements", f.Unsigned, len(at.Unsigned))
	}
	a.checkFactHeaders(f)
	a.checkIdentifiedBy(f, r, at)
	a.checkOffline(f)
	a.checkAddress(f)
	a.checkSign(f)
}

// data returns a text of the facts that can be compared.
func data(f core.Facts) string {
	f.KeyText, f.At, f.Sign, f.Challenge, f.Handshake, f.AwaitsHandshake, f.AnswerHandshake = nil, nil, nil, nil, nil, nil, nil
	return fmt.Sprint(f)
}

// checkFactHeaders requires that every header of the signature is declared as
// read.
func (a *audit) checkFactHeaders(f core.Facts) {
	if f.Headers == nil {
		return
	}
	read := slices.Concat(f.Headers...)
	for _, name := range read {
		if http.CanonicalHeaderKey(name) != name {
			a.errorf("Facts.Headers has %q, but the canonical form is %q", name, http.CanonicalHeaderKey(name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.signatureHeaders())) {
		if !slices.Contains(read, name) {
			a.errorf("%s is signed, or has the signature, but Facts.Headers lacks it", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.headersRead())) {
		if !slices.Contains(read, name) && name != "Content-Type" && !a.listed(name) {
			a.errorf("%s is read, but Facts.Headers lacks it", name)
		}
	}
}

// listed reports whether a header of the genuine request lists the header name
// as signed.
func (a *audit) listed(name string) bool {
	found := false
	eachValue(a.genuine(), func(in, value string, _ func(...string) *core.Request) {
		found = found || in != name && strings.Contains(strings.ToLower(value), strings.ToLower(name))
	})
	return found
}

// checkIdentifiedBy compares the declared identity with the attempt.
// schemes.Any relies on it.
func (a *audit) checkIdentifiedBy(f core.Facts, r *core.Request, at *core.Attempt) {
	switch by := f.IdentifiedBy; {
	case by == "":
	case by == "{body}":
		if !slices.Equal(at.Content.Bytes(), r.Body) || at.IDSigned {
			a.errorf("Facts.IdentifiedBy is %q, but the signed content is not the body alone, or an id is signed", by)
		}
	case !strings.HasPrefix(by, "/"):
		a.errorf("Facts.IdentifiedBy is %q: neither \"{body}\" nor a JSON pointer such as \"/event/id\"", by)
	case at.IDSigned && pointedAt(r.Body, by) != at.ID:
		a.errorf("Facts.IdentifiedBy is %q, where the genuine request's body has %.40q, but the signed id is %q", by, pointedAt(r.Body, by), at.ID)
	}
}

// pointedAt returns the text or number at a JSON pointer (RFC 6901) in a body,
// or "" if there is none.
func pointedAt(body []byte, pointer string) string {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return ""
	}
	for _, name := range strings.Split(pointer, "/")[1:] {
		name = strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
		switch in := v.(type) {
		case map[string]any:
			v = in[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(in) {
				return ""
			}
			v = in[i]
		default:
			return ""
		}
	}
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	default:
		return ""
	}
}

// checkOffline requires that a key without I/O verifies under a context that
// has ended.
func (a *audit) checkOffline(f core.Facts) {
	if f.Fetches {
		return
	}
	at, err := a.attempt(a.genuine())
	if err != nil {
		return
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if ok, err := a.key().Verify(ended, at); !ok || err != nil {
		a.errorf("Facts.Fetches is false, but with an ended context the key does not verify the genuine request (%t, %v)", ok, err)
	}
}

// checkAddress requires that the address is signed, and that At changes it.
func (a *audit) checkAddress(f core.Facts) {
	if f.URL == "" {
		return
	}
	here, there := *a, *a
	here.Scheme, there.Scheme = f.At(f.URL), f.At("https://elsewhere.example/another")
	if _, err := here.verifier(a.Secret).Verify(context.Background(), a.genuine()); err != nil {
		a.errorf("the scheme that Facts.At makes for Facts.URL refuses the genuine request: %v", err)
	}
	if got := core.FactsOf(here.Scheme).URL; got != f.URL {
		a.errorf("Facts.At of %q has the URL %q", f.URL, got)
	}
	if _, err := there.verifier(a.Secret).Verify(context.Background(), a.genuine()); err == nil {
		a.errorf("Facts.URL says that the URL is signed, but the scheme for another URL accepts the genuine request")
	}
	elsewhere := *a
	if elsewhere.Scheme = f.At(withPath(f.URL)); core.FactsOf(elsewhere.Scheme).Mistake != nil {
		return
	}
	if _, err := elsewhere.verifier(a.Secret).Verify(context.Background(), a.genuine()); err == nil {
		return // this sender signs the host alone
	}
	longer := a.genuine()
	if longer.URL += "?x=1"; strings.Count(longer.URL, "?") > 1 {
		longer.URL = strings.TrimSuffix(longer.URL, "?x=1") + "&x=1"
	}
	if _, err := a.verifier(a.Secret).Verify(context.Background(), longer); err == nil {
		a.errorf("Facts.URL says that the URL is signed, but the genuine request is also accepted at %s", longer.URL)
	}
}

// withPath returns another address on the same host.
func withPath(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	u.Path += "/another"
	return u.String()
}

// checkSign signs the genuine request again, and requires the same message.
func (a *audit) checkSign(f core.Facts) {
	if f.Sign == nil {
		return
	}
	r := a.genuine()
	if err := f.Sign(r, "", schemeNow, a.Secret); errors.Is(err, errors.ErrUnsupported) {
		return // a key that only verifies, although other keys sign
	} else if err != nil {
		a.errorf("Facts.Sign: %v", err)
		return
	}
	if _, err := a.verifier(a.Secret).Verify(context.Background(), r); err != nil {
		a.errorf("a request signed by Facts.Sign is refused: %v", err)
	}
	if f.Sign(a.genuine(), "", schemeNow) == nil {
		a.errorf("Facts.Sign signs without a secret")
	}
}
