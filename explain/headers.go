package explain

import (
	"cmp"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/schemes"
)

const (
	maxHeads   = 96
	maxHeader  = 16 << 10 // bytes of a value that variants are made of
	maxNames   = 128      // of headers
	maxValues  = 16       // of one header
	maxHeaders = 64 << 10 // bytes of all of them
	maxTarget  = 4 << 10  // bytes of the request's URL
)

// bound leaves out of the search what no sender sends: each header costs something for each way to read the request.
func (s *search) bound() {
	if len(s.req.URL) > maxTarget {
		s.req.URL, s.unfinished = s.req.URL[:maxTarget], true
	}
	h := asMap(s.req.Header)
	size, most := headerSize(h)
	if len(h) > maxNames || most > maxValues || size > maxHeaders {
		s.req.Header, s.unfinished = s.needed(), true
		size, _ = headerSize(asMap(s.req.Header))
	}
	s.reading = readCost * int64(max(size+len(s.req.URL)-usual, 0))
}

// headerSize counts the bytes of all headers, and the values of the one that has most.
func headerSize(h http.Header) (bytes, most int) {
	for name, values := range h {
		most = max(most, len(values))
		for _, v := range values {
			bytes += len(name) + len(v)
		}
	}
	return bytes, most
}

// needed are the headers that the configured scheme reads, as much of them as is looked at.
func (s *search) needed() http.Header {
	h, kept := asMap(s.req.Header), http.Header{}
	for _, name := range append(reads(s.facts, h), "Content-Length", "Content-Type", "Content-Encoding") {
		for _, v := range h[name][:min(len(h[name]), maxValues)] {
			kept[name] = append(kept[name], v[:min(len(v), maxHeader+1)])
		}
	}
	return kept
}

// head is one way to read a request apart from its body: under a scheme, with headers and address as they may have been.
type head struct {
	scheme core.Scheme
	facts  core.Facts
	req    core.Request
	steps  []step
	swaps  []swap
	weight int
	whole  bool // nothing was put into a value, so that one that ends early was cut
}

// swap puts into the signed content what the sender signed, for a text that its scheme would not read.
type swap struct{ read, signed string }

// with is h with a header changed.
func (h *head) with(name string, values []string, m Mistake, what string) head {
	n := *h
	n.req.Header = maps.Clone(asMap(h.req.Header))
	if values == nil {
		delete(asMap(n.req.Header), name)
	} else {
		asMap(n.req.Header)[name] = values
	}
	n.steps = append(slices.Clone(h.steps), step{m, what})
	return n
}

// lanes are the configured scheme and those of the registry whose headers are there.
func (s *search) lanes() []lane {
	own := s.lane(s.scheme, s.facts)
	all := []lane{own}
	for _, other := range s.others() {
		l := s.lane(other.scheme, other.facts)
		l.steps = []step{{OtherScheme, "the message is signed as " + strings.Join(other.names, " or ") + " does, not as " + s.scheme.Name()}}
		all = append(all, l)
	}
	return all
}

func (s *search) lane(scheme core.Scheme, facts core.Facts) lane {
	l := lane{heads: s.heads(scheme, facts), keys: s.keys(scheme, facts)}
	if len(l.heads) > 0 {
		s.prepareForDamage(&l)
	}
	return l
}

// heads are the ways to read the request under a scheme, at most two mistakes away from it.
func (s *search) heads(scheme core.Scheme, facts core.Facts) []head {
	round := []head{{scheme: scheme, facts: facts, req: s.req}}
	round[0].req.Body = nil
	all := slices.Clone(round)
	for range 2 {
		var next []head
		for i := range round {
			for _, undo := range []func(*head) []head{
				mixed, renamed, folded, duplicated, labelled, s.stamps, dotted, addresses,
			} {
				next = append(next, undo(&round[i])...)
			}
		}
		next = next[:min(len(next), max(maxHeads-len(all), 0))]
		all = append(all, next...)
		round = next
	}
	// What cannot be read at all needs no trial, and the nearest that can is no guess.
	all = slices.DeleteFunc(all, func(h head) bool {
		return h.scheme.ReadHeader(&h.req, new(core.Attempt)) != nil
	})
	least := 0
	for i := range all {
		if i == 0 {
			least = len(all[i].steps)
		}
		all[i].weight = len(all[i].steps) - least
		all[i].whole = len(folded(&all[i])) == 0
	}
	return all
}

// reads lists the headers that a scheme reads of such a request, in canonical form:
// the first family of which some are there. nil if it does not say.
func reads(f core.Facts, h core.Header) []string {
	if len(f.Headers) == 0 {
		return nil
	}
	return f.Headers[max(slices.IndexFunc(f.Headers, func(family []string) bool { return hasFamily(h, family) }), 0)]
}

func hasFamily(h core.Header, family []string) bool {
	return slices.ContainsFunc(family, func(name string) bool { return len(h.Values(name)) > 0 })
}

// mixed takes one of two families of headers where both are there.
func mixed(h *head) (all []head) {
	if len(h.facts.Headers) != 2 || !hasFamily(h.req.Header, h.facts.Headers[0]) || !hasFamily(h.req.Header, h.facts.Headers[1]) {
		return nil
	}
	names := []string{familyName(h.facts.Headers[0]), familyName(h.facts.Headers[1])}
	slices.Sort(names)
	for i, family := range h.facts.Headers {
		other := h.facts.Headers[1-i]
		n := h.with("", nil, HeaderFamily, strings.Join(names, " and ")+" headers are mixed, and the signature belongs to the "+familyName(family)+" ones")
		lines := asMap(n.req.Header)
		for j, name := range family[:min(len(family), len(other))] {
			if len(lines[name]) == 0 && len(lines[other[j]]) > 0 {
				lines[name] = lines[other[j]]
			}
			delete(lines, other[j])
		}
		all = append(all, n)
	}
	return all
}

// familyName is how the names of a family begin, as in webhook-*.
func familyName(family []string) string {
	prefix := family[0]
	for _, name := range family[1:] {
		for !strings.HasPrefix(name, prefix) {
			prefix = prefix[:len(prefix)-1]
		}
	}
	return strings.ToLower(prefix) + "*"
}

// renamed finds headers that are missing among those that are there, all at once.
func renamed(h *head) []head {
	n := *h
	n.req.Header = maps.Clone(asMap(h.req.Header))
	mistake, moved := HeaderRenamed, []string(nil)
	needed := reads(h.facts, h.req.Header)
	for _, name := range needed {
		if len(h.req.Header.Values(name)) > 0 {
			continue
		}
		found, exact := alias(asMap(h.req.Header), name, needed)
		if found == "" {
			continue
		}
		if !exact {
			mistake = HeaderFamily
		}
		asMap(n.req.Header)[name] = asMap(h.req.Header)[found]
		moved = append(moved, strconv.Quote(printable(found))+" in the place of "+name)
	}
	if len(moved) == 0 {
		return nil
	}
	what := "a header arrived under another name: " + strings.Join(moved, ", ")
	if mistake == HeaderFamily {
		what = "headers of another family are there: " + strings.Join(moved, ", ")
	}
	n.steps = append(slices.Clone(h.steps), step{mistake, what})
	return []head{n}
}

// alias is the present header that is most likely a missing one; exact says that it is the same name, spelt in another way.
func alias(h http.Header, missing string, needed []string) (name string, exact bool) {
	want := squash(missing)
	best := 0
	for _, candidate := range slices.Sorted(maps.Keys(h)) {
		if slices.Contains(needed, candidate) || len(h[candidate]) == 0 {
			continue
		}
		got := squash(candidate)
		score := 0
		switch {
		case got == want:
			score = 4
		case strings.HasSuffix(got, want), strings.HasPrefix(got, want):
			score = 3
		case strings.HasSuffix(want, got) && strings.Contains(candidate, "-") && len(got) > 4:
			score = 2
		case lastWord(got) == lastWord(want):
			score = 1
		}
		if score > best {
			name, best = candidate, score
		}
	}
	return name, best >= 2
}

// squash is a header's name without what gateways change in it.
func squash(name string) string {
	name = strings.ToLower(strings.NewReplacer("_", "-", ".", "-", " ", "-").Replace(name))
	for _, prefix := range []string{"http-", "x-", "original-", "forwarded-"} {
		name = strings.TrimPrefix(name, prefix)
	}
	return name
}

func lastWord(name string) string { return name[strings.LastIndexByte(name, '-')+1:] }

// folded takes newlines and spaces out of values.
func folded(h *head) (all []head) {
	for _, name := range reads(h.facts, h.req.Header) {
		for i, v := range h.req.Header.Values(name) {
			if len(v) > maxHeader {
				continue
			}
			if bare := strings.Trim(v, `"'`); bare != v && bare != "" {
				values := slices.Clone(h.req.Header.Values(name))
				values[i] = bare
				all = append(all, h.with(name, values, HeaderFolded, "quotes were put around "+name))
			}
			if !strings.ContainsAny(v, " \t\r\n") {
				continue
			}
			breaks := strings.NewReplacer("\r", "", "\n", "", "\t", "").Replace(v)
			lines := strings.FieldsFunc(v, func(r rune) bool { return r == '\r' || r == '\n' || r == '\t' })
			for j := range lines[min(1, len(lines)):] {
				lines[j+1] = strings.TrimLeft(lines[j+1], " ")
			}
			for _, changed := range []string{strings.TrimSpace(strings.Join(lines, "")), strings.ReplaceAll(breaks, " ", ""), strings.TrimSpace(breaks)} {
				if changed != v {
					values := slices.Clone(h.req.Header.Values(name))
					values[i] = changed
					all = append(all, h.with(name, values, HeaderFolded, "a newline or space was put into "+name))
				}
			}
			if plus := strings.ReplaceAll(v, " ", "+"); plus != v && !strings.Contains(v, ", ") {
				values := slices.Clone(h.req.Header.Values(name))
				values[i] = plus
				all = append(all, h.with(name, values, SignatureEncoding, "each + in "+name+" became a space, as in a form that is decoded"))
			}
		}
	}
	return all
}

// duplicated takes one of several values.
func duplicated(h *head) (all []head) {
	for _, name := range reads(h.facts, h.req.Header) {
		values := h.req.Header.Values(name)
		var single []string
		if len(values) > 1 {
			single = append(single, values[0], values[len(values)-1])
		}
		if len(values) == 1 && len(values[0]) <= maxHeader {
			// "x, x" and "x,x"
			v := values[0]
			for _, comma := range []string{", ", ","} {
				if size := len(v) - len(comma); size > 0 && size%2 == 0 && v[:size/2] == v[size/2+len(comma):] {
					single = append(single, v[:size/2])
				}
			}
			if first, last, ok := strings.Cut(v, ", "); ok && len(single) == 0 && !strings.Contains(last, ", ") {
				single = append(single, first, last)
			}
		}
		for _, v := range slices.Compact(single) {
			all = append(all, h.with(name, []string{v}, HeaderDuplicated, name+" or its value is there more than once"))
		}
	}
	return all
}

// labelled puts a label in front of a signature, or takes one off.
func labelled(h *head) (all []head) {
	for _, name := range reads(h.facts, h.req.Header) {
		if values := h.req.Header.Values(name); len(values) == 1 && len(values[0]) <= maxHeader && strings.Contains(strings.ToLower(name), "sign") {
			v := strings.TrimSpace(values[0])
			bare := v
			for _, label := range labels() {
				if rest, ok := strings.CutPrefix(v, label); ok && len(rest) >= 20 {
					bare = rest
				}
			}
			for _, label := range append([]string{""}, labels()...) {
				if label+bare != values[0] {
					all = append(all, h.with(name, []string{label + bare}, SignatureLabel,
						"the label in front of the signature in "+name+" is missing or another one than "+strconv.Quote(label)))
				}
			}
		}
	}
	// Most of these can be seen not to help.
	return slices.DeleteFunc(all, func(n head) bool {
		return h.scheme.ReadHeader(&h.req, new(core.Attempt)) == nil || n.scheme.ReadHeader(&n.req, new(core.Attempt)) != nil
	})
}

func labels() []string {
	return []string{"v1,", "v1=", "v0=", "sha256=", "sha1=", "v1a,", "v1:", "h1="}
}

// stamps writes a time in the form that the scheme reads. The sender signed it as it came, or in that form.
func (s *search) stamps(h *head) (all []head) {
	if st := h.scheme.Stamping(); st != core.StampedOnce && st != core.StampedEachAttempt {
		return nil
	}
	a := new(core.Attempt)
	if err := h.scheme.ReadHeader(&h.req, a); err == nil && (a.Timestamp.IsZero() || s.inside(a.Timestamp)) {
		return nil
	}
	for _, name := range reads(h.facts, h.req.Header) {
		if values := h.req.Header.Values(name); len(values) == 1 && len(values[0]) <= maxHeader {
			for _, token := range timeTokens(values[0]) {
				at, number := parseTime(token)
				if at.IsZero() || !plausible(at, s.now) {
					continue
				}
				for _, form := range []string{
					strconv.FormatInt(at.Unix(), 10), strconv.FormatInt(at.UnixMilli(), 10), at.UTC().Format(time.RFC3339),
				} {
					if form == token {
						continue
					}
					mistake, what := TimestampFormat, "the timestamp in "+name+" is written in another form than the scheme's"
					if number && !strings.Contains(form, ":") {
						mistake, what = TimestampUnit, "the timestamp in "+name+" is in another unit than the scheme's"
					}
					n := h.with(name, []string{strings.Replace(values[0], token, form, 1)}, mistake, what)
					signed := n
					signed.swaps = append(slices.Clone(n.swaps), swap{form, token})
					all = append(all, n, signed)
				}
			}
		}
	}
	return all
}

// timeTokens are what may be a time in a value: the whole, or what stands behind a key.
func timeTokens(v string) []string {
	tokens := []string{v}
	for entry := range strings.FieldsFuncSeq(v, func(r rune) bool { return r == ',' || r == ';' }) {
		if _, value, ok := strings.Cut(entry, "="); ok && len(value) <= 40 {
			tokens = append(tokens, value)
		}
	}
	return tokens[:min(len(tokens), 8)]
}

// parseTime reads a number of any unit, or a date.
func parseTime(token string) (at time.Time, number bool) {
	if whole, fraction, ok := strings.Cut(token, "."); ok && isDigits(whole) && isDigits(fraction) {
		at, _ = parseTime(whole)
		return at, false
	}
	if n, err := strconv.ParseInt(strings.TrimSpace(token), 10, 64); err == nil && isDigits(strings.TrimSpace(token)) {
		switch digits := len(strings.TrimSpace(token)); {
		case digits <= 11:
			return time.Unix(n, 0), true
		case digits <= 14:
			return time.UnixMilli(n), true
		case digits <= 17:
			return time.UnixMicro(n), true
		default:
			return time.Unix(0, n), true
		}
	}
	for _, layout := range []string{
		time.RFC3339Nano, time.RFC1123, time.RFC1123Z, "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05", "2006-01-02T15:04:05.999999999",
		"2006-01-02T15:04:05.999999999-0700", time.RFC850, time.ANSIC,
	} {
		if at, err := time.Parse(layout, token); err == nil {
			return at, false
		}
	}
	return time.Time{}, false
}

func isDigits(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool { return r < '0' || r > '9' })
}

// dotted reads an id with dots, which the content then has again.
func dotted(h *head) []head {
	names := reads(h.facts, h.req.Header)
	if len(names) == 0 || h.scheme.ReadHeader(&h.req, new(core.Attempt)) == nil {
		return nil
	}
	name := names[0]
	values := h.req.Header.Values(name)
	if len(values) != 1 || !strings.Contains(values[0], ".") || len(values[0]) > 256 {
		return nil
	}
	plain := strings.ReplaceAll(values[0], ".", "_")
	n := h.with(name, []string{plain}, IDDot, "")
	n.swaps = append(slices.Clone(h.swaps), swap{plain, values[0]})
	return []head{n}
}

// other is a scheme of the registry, with all its names.
type other struct {
	scheme core.Scheme
	facts  core.Facts
	names  []string
}

// others are the schemes whose headers the request has, and not those that say the same as the configured one.
func (s *search) others() []other {
	var all []other
	for _, name := range schemes.Names() {
		scheme, err := schemes.New(name, schemes.Settings{URL: s.publicURL(), DangerouslyReplayable: true})
		if err != nil || scheme.Name() == s.scheme.Name() {
			continue
		}
		facts := core.FactsOf(scheme)
		if facts.Fetches {
			continue
		}
		a := new(core.Attempt)
		r := s.req
		r.Body = nil
		if scheme.ReadHeader(&r, a) != nil || len(a.Signatures) == 0 {
			continue
		}
		same := slices.IndexFunc(all, func(o other) bool {
			return o.scheme.Name() == scheme.Name() || facts.URL == "" && slices.Equal(reads(o.facts, r.Header), reads(facts, r.Header))
		})
		if same < 0 {
			all = append(all, other{scheme, facts, []string{name}})
		} else if o := &all[same]; o.scheme.Name() != scheme.Name() && len(o.names) < 3 {
			o.names = append(o.names, name)
		}
	}
	return all[:min(len(all), 4)]
}

// publicURL guesses the address that the sender knows.
func (s *search) publicURL() string {
	if s.facts.URL != "" {
		return s.facts.URL
	}
	if strings.HasPrefix(s.req.URL, "https://") || strings.HasPrefix(s.req.URL, "http://") {
		return s.req.URL
	}
	host := cmp.Or(asMap(s.req.Header).Get("X-Forwarded-Host"), asMap(s.req.Header).Get("Host"))
	if host == "" || strings.ContainsAny(host, "/?#@ ") {
		host = "example.invalid"
	}
	return "https://" + host + s.req.URL
}

// prepareForDamage sets up the comparison with damaged signatures, if none of those presented has the right form.
func (s *search) prepareForDamage(l *lane) {
	h := &l.heads[0]
	a, ok := h.read(s.req.Body)
	if !ok || len(a.Signatures) == 0 {
		return
	}
	for i := range l.keys {
		k := &l.keys[i]
		if !k.mac || k.weight > 1 || i >= maxSecrets {
			continue
		}
		sign := forge(k.verify, k.text, a.Signatures[0].Label)
		if sign == nil {
			continue
		}
		like := sign(new(core.Content))
		if slices.ContainsFunc(a.Signatures, func(sig core.Signature) bool { return wellFormed(sig.Text, like) }) {
			return
		}
		k.forge = sign
	}
}

// wellFormed says that a signature looks like one that is right: of hexadecimal, or of base64, which ends in padding for every hash in use.
func wellFormed(text, like string) bool {
	if len(text) != len(like) {
		return false
	}
	if strings.HasSuffix(like, "=") {
		_, err := base64.StdEncoding.DecodeString(text)
		return err == nil
	}
	return strings.Trim(text, "0123456789abcdef") == ""
}

// damaged compares the right signature with those presented, as far as they are there and whatever their encoding.
func damaged(presented []core.Signature, right string) ([]step, bool) {
	raw, err := hex.DecodeString(right)
	if err != nil {
		raw, _ = base64.StdEncoding.DecodeString(right)
	}
	const least = 10 // characters that do not agree by accident
	for _, sig := range presented {
		given := sig.Text
		if len(given) < least || len(given) > maxHeader {
			continue
		}
		if len(given) < len(right) && subtle.ConstantTimeCompare([]byte(given), []byte(right[:len(given)])) == 1 {
			what := "the signature is only the first " + strconv.Itoa(len(given)) + " of " + strconv.Itoa(len(right)) + " characters of the right one"
			return []step{{SignatureCut, what}}, true
		}
		for _, decode := range []func(string) ([]byte, error){
			hex.DecodeString, base64.StdEncoding.DecodeString, base64.RawStdEncoding.DecodeString,
			base64.URLEncoding.DecodeString, base64.RawURLEncoding.DecodeString,
		} {
			if got, err := decode(given); err == nil && subtle.ConstantTimeCompare(got, raw) == 1 {
				return []step{{mistake: SignatureEncoding}}, true
			}
		}
	}
	return nil, false
}
