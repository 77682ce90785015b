package explain

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/hookonce/hookonce/core"
)

// heads returns the ways to read the request under a scheme, at most two
// mistakes away from it. Each is a copy of the request with its headers or its
// address changed.
//
// The nearest head that the scheme can read does not count as a guess, because
// a missing or malformed header is visible. The weight counts only further
// guesses.
func (s *scene) heads(scheme core.Scheme, facts core.Facts) []head {
	round := []head{{scheme: scheme, facts: facts, req: s.req}}
	// Headers are read for every body, so the body is added by the judge.
	round[0].req.Body = nil
	all := slices.Clone(round)
	// Each round undoes one more mistake in every result of the round before.
	for range 2 {
		var next []head
		for i := range round {
			for _, undo := range []func(*head) []head{
				mixed, s.renamed, folded, duplicated, labelled, s.stamps, dotted, s.addresses,
			} {
				next = append(next, undo(&round[i])...)
			}
		}
		// The bound drops the last proposals of a round, so addresses are cut first.
		next = next[:min(len(next), max(maxHeads-len(all), 0))]
		all = append(all, next...)
		round = next
	}
	// A head that the scheme cannot read needs no trial.
	all = slices.DeleteFunc(all, func(h head) bool {
		return h.scheme.ReadHeader(&h.req, new(core.Attempt)) != nil
	})
	least := 0
	for i := range all {
		if i == 0 {
			least = len(all[i].steps)
		}
		all[i].weight = len(all[i].steps) - least
		// A value with spaces or quotes inside would be compared as if it were complete.
		all[i].whole = len(folded(&all[i])) == 0
	}
	return all
}

// reads lists the headers that a scheme reads of such a request, in canonical
// form. If the scheme has several families of names, it is the first family of
// which some headers are present. It returns nil if the scheme does not declare
// its headers.
func reads(f core.Facts, h core.Header) []string {
	if len(f.Headers) == 0 {
		return nil
	}
	return f.Headers[max(slices.IndexFunc(f.Headers, func(family []string) bool { return hasFamily(h, family) }), 0)]
}

// hasFamily reports whether at least one header of a family is present.
func hasFamily(h core.Header, family []string) bool {
	return slices.ContainsFunc(family, func(name string) bool { return len(h.Values(name)) > 0 })
}

// mixed handles headers of two families in one request, such as webhook-id
// beside svix-signature: a proxy or a library renamed some of them. Each of the
// two results has one complete family, in which missing headers are filled from
// the other.
func mixed(h *head) (all []head) {
	if len(h.facts.Headers) != 2 || !hasFamily(h.req.Header, h.facts.Headers[0]) || !hasFamily(h.req.Header, h.facts.Headers[1]) {
		return nil
	}
	names := []string{familyName(h.facts.Headers[0]), familyName(h.facts.Headers[1])}
	slices.Sort(names)
	for i, family := range h.facts.Headers {
		other := h.facts.Headers[1-i]
		// This only copies the headers; the loop below changes the copy.
		n := h.with("", nil, headerFamily, strings.Join(names, " and ")+" headers are mixed, and the signature belongs to the "+familyName(family)+" ones")
		lines := asMap(n.req.Header)
		// Families list their headers in the same order, so j names the same header in both.
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

// familyName returns the common beginning of a family's names, as in webhook-*.
func familyName(family []string) string {
	prefix := family[0]
	for _, name := range family[1:] {
		// Shorten until it fits; the names of a family have a common beginning.
		for !strings.HasPrefix(name, prefix) {
			prefix = prefix[:len(prefix)-1]
		}
	}
	return strings.ToLower(prefix) + "*"
}

// renamed finds missing headers under other names, all at once, because a proxy
// that renames one header renames all. Headers that another scheme reads are
// not candidates, because a message with those headers belongs to that scheme.
func (s *scene) renamed(h *head) []head {
	n := *h
	n.req.Header = maps.Clone(asMap(h.req.Header))
	mistake, moved := headerRenamed, []string(nil)
	needed := reads(h.facts, h.req.Header)
	for _, name := range needed {
		if len(h.req.Header.Values(name)) > 0 {
			continue
		}
		found, exact := alias(asMap(h.req.Header), name, needed)
		// A header with exactly this name in another spelling is the missing header, even if
		// another scheme reads it.
		if found == "" || !exact && h.scheme.Name() == s.scheme.Name() && slices.Contains(s.foreign(), found) {
			continue
		}
		// The name differs by more than its spelling, so it is probably another family's.
		if !exact {
			mistake = headerFamily
		}
		asMap(n.req.Header)[name] = asMap(h.req.Header)[found]
		moved = append(moved, strconv.Quote(printable(found))+" instead of "+name)
	}
	if len(moved) == 0 {
		return nil
	}
	what := "a header arrived under another name: " + strings.Join(moved, ", ")
	if mistake == headerFamily {
		what = "the request has headers of another family: " + strings.Join(moved, ", ")
	}
	n.steps = append(slices.Clone(h.steps), step{mistake, what})
	return []head{n}
}

// alias returns the present header that is most likely the missing one. exact
// says that its name differs only in prefixes and separators. Names are visited
// in sorted order, so that results do not depend on map order. A score of 1,
// with only the last word in common, is too low: "X-Signature" is not
// "Stripe-Signature".
func alias(h http.Header, missing string, needed []string) (name string, exact bool) {
	want := squash(missing)
	best := 0
	for _, candidate := range slices.Sorted(maps.Keys(h)) {
		// A header that the scheme reads under its own name is not the missing header.
		if slices.Contains(needed, candidate) || len(h[candidate]) == 0 {
			continue
		}
		got := squash(candidate)
		score := 0
		switch {
		case got == want:
			score = 4
		// A gateway added words before or after.
		case strings.HasSuffix(got, want), strings.HasPrefix(got, want):
			score = 3
		// A gateway removed words. Requiring a hyphen and some length excludes "Id" and "Date".
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

// squash returns a header's name without the parts that gateways change: case,
// separators, and prefixes such as HTTP_ in CGI.
func squash(name string) string {
	name = strings.ToLower(strings.NewReplacer("_", "-", ".", "-", " ", "-").Replace(name))
	// In the order in which gateways add them: HTTP_X_Original_….
	for _, prefix := range []string{"http-", "x-", "original-", "forwarded-"} {
		name = strings.TrimPrefix(name, prefix)
	}
	return name
}

// lastWord returns the part after the last hyphen.
func lastWord(name string) string { return name[strings.LastIndexByte(name, '-')+1:] }

// folded removes quotes, newlines and spaces from values. Shells and
// configuration files add quotes, proxies fold long lines, terminals break
// them, and form decoders turn + into a space. These changes leave different
// traces, so several repairs of one value are proposed.
func folded(h *head) (all []head) {
	for _, name := range reads(h.facts, h.req.Header) {
		for i, v := range h.req.Header.Values(name) {
			if len(v) > maxHeader {
				continue
			}
			// Quotes at both ends or at one end.
			if bare := strings.Trim(v, `"'`); bare != v && bare != "" {
				values := slices.Clone(h.req.Header.Values(name))
				values[i] = bare
				all = append(all, h.with(name, values, headerFolded, "quotes were added around "+name))
			}
			if !strings.ContainsAny(v, " \t\r\n") {
				continue
			}
			// The repairs are: join the lines without their indentation; remove every space; remove
			// only the line breaks.
			breaks := strings.NewReplacer("\r", "", "\n", "", "\t", "").Replace(v)
			// A folded line begins with white space that was not part of the value.
			lines := strings.FieldsFunc(v, func(r rune) bool { return r == '\r' || r == '\n' || r == '\t' })
			for j := range lines[min(1, len(lines)):] {
				lines[j+1] = strings.TrimLeft(lines[j+1], " ")
			}
			for _, changed := range []string{strings.TrimSpace(strings.Join(lines, "")), strings.ReplaceAll(breaks, " ", ""), strings.TrimSpace(breaks)} {
				if changed != v {
					values := slices.Clone(h.req.Header.Values(name))
					values[i] = changed
					all = append(all, h.with(name, values, headerFolded, "a newline or space was added to "+name))
				}
			}
			// A list separates its entries by ", ", so spaces there are no plus signs.
			if plus := strings.ReplaceAll(v, " ", "+"); plus != v && !strings.Contains(v, ", ") {
				values := slices.Clone(h.req.Header.Values(name))
				values[i] = plus
				all = append(all, h.with(name, values, signatureEncoding, "each + in "+name+" became a space, as in a decoded form"))
			}
		}
	}
	return all
}

// duplicated keeps one of several values of a header. Several lines may also be
// one value that a gateway split at its commas.
func duplicated(h *head) (all []head) {
	for _, name := range reads(h.facts, h.req.Header) {
		values := h.req.Header.Values(name)
		var single []string
		// The first and the last: proxies prepend or append.
		if len(values) > 1 {
			single = append(single, values[0], values[len(values)-1])
			for _, comma := range []string{",", ", "} { // the second is for a date
				all = append(all, h.with(name, []string{strings.Join(values, comma)}, headerFolded, name+" was split at its commas, as some gateways do with every header"))
			}
		}
		if len(values) == 1 && len(values[0]) <= maxHeader {
			// One line may contain the value twice, as "x, x" or "x,x": a proxy joined two lines.
			v := values[0]
			for _, comma := range []string{", ", ","} {
				if size := len(v) - len(comma); size > 0 && size%2 == 0 && v[:size/2] == v[size/2+len(comma):] {
					single = append(single, v[:size/2])
				}
			}
			// Two different values joined to one line: either may be the sender's.
			if first, last, ok := strings.Cut(v, ", "); ok && len(single) == 0 && !strings.Contains(last, ", ") {
				single = append(single, first, last)
			}
		}
		for _, v := range slices.Compact(single) {
			all = append(all, h.with(name, []string{v}, headerDuplicated, name+" or its value is repeated"))
		}
	}
	return all
}

// labelled adds a label such as "sha256=" before a signature, or removes one.
// It proposes only changes that make an unreadable header readable: a readable
// header with another label has a signature of another kind.
func labelled(h *head) (all []head) {
	for _, name := range reads(h.facts, h.req.Header) {
		if values := h.req.Header.Values(name); len(values) == 1 && len(values[0]) <= maxHeader && strings.Contains(strings.ToLower(name), "sign") {
			v := strings.TrimSpace(values[0])
			// Remove a known label before others are tried.
			bare := v
			for _, label := range labels() {
				// A short rest is not a signature, so the label is part of other text.
				if rest, ok := strings.CutPrefix(v, label); ok && len(rest) >= 20 {
					bare = rest
				}
			}
			for _, label := range append([]string{""}, labels()...) {
				if label+bare != values[0] {
					all = append(all, h.with(name, []string{label + bare}, signatureLabel,
						"the label before the signature in "+name+" is missing or is not "+strconv.Quote(label)))
				}
			}
		}
	}
	// A scheme accepts one label, so reading drops most of these before they cost a trial.
	return slices.DeleteFunc(all, func(n head) bool {
		return h.scheme.ReadHeader(&h.req, new(core.Attempt)) == nil || n.scheme.ReadHeader(&n.req, new(core.Attempt)) != nil
	})
}

// labels returns the labels of signatures that common senders use.
func labels() []string {
	return []string{"v1,", "v1=", "v0=", "sha256=", "sha1=", "v1a,", "v1:", "h1="}
}

// dotted reads an id with dots, which Standard Webhooks forbids because a dot
// separates the signed fields. The dots are replaced for reading, and swapped
// back in the signed content.
func dotted(h *head) []head {
	names := reads(h.facts, h.req.Header)
	if len(names) == 0 || h.scheme.ReadHeader(&h.req, new(core.Attempt)) == nil {
		return nil
	}
	// The id is the first header of every family that has one.
	name := names[0]
	values := h.req.Header.Values(name)
	if len(values) != 1 || !strings.Contains(values[0], ".") || len(values[0]) > 256 {
		return nil
	}
	plain := strings.ReplaceAll(values[0], ".", "_")
	n := h.with(name, []string{plain}, idDot, "")
	n.swaps = append(slices.Clone(h.swaps), swap{plain, values[0]})
	return []head{n}
}
