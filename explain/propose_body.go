package explain

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/url"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	// maxInflated bounds the decompressed size of a body, so that a small body
	// cannot fill the memory.
	maxInflated = 4 << 20
	// deflateCost is the cost of a byte that is compressed, in bytes that are
	// hashed.
	deflateCost = 36
	// maxEnvelope is how far from each end of a body the member names of an
	// envelope are searched. In an envelope the names are near the ends, and a
	// large payload is between them.
	maxEnvelope = 64 << 10
)

// change undoes one mistake in a body. do returns nil if the change does not
// apply. It never changes its argument, which other candidates share.
type change struct {
	// mistake and what describe the mistake. An empty what means the text of
	// the table.
	mistake Mistake
	what    string
	// cost is the work for each byte, in bytes that are hashed.
	cost int64
	do   func(b []byte) []byte
	// needs reports cheaply whether do may change the body. Nil: always call
	// do. If needs returns true, the full cost is charged even if do then
	// returns nil.
	needs func(b []byte) bool
}

// aspect is a group of changes that exclude each other, such as the ways to
// indent JSON. Pairs of changes come from different aspects.
type aspect struct {
	changes []change
	// rank is the order in which the aspect is tried alone: likely and cheap
	// aspects first.
	rank int
	// again marks a repetition for the content of an envelope. It is used only
	// for pairs.
	again bool
}

// aspects returns all aspects in the order in which they are undone: from the
// outside in, since what changed the body last must be undone first. Pairs are
// tried in this order only. Add a new aspect where its damage is done: wrapping
// or encoding of the whole body at the beginning, rewriting of JSON at the end.
//
// rank is independent of that. It orders the changes that are tried alone,
// because a large body leaves no work for all of them.
func (s *scene) aspects(body []byte) []aspect {
	// First the surroundings of the body as it arrived, then those of the content of an envelope.
	outside := taken()
	// A newline may surround the envelope or what it contains, so both places are tried.
	inside := slices.Clone(outside)
	for i := range inside {
		inside[i].again = true
	}
	return slices.Concat(
		outside,
		[]aspect{{changes: unwrapped(body), rank: 1}, {changes: formed(), rank: 4}, {changes: logged(), rank: 4}, {changes: s.packed(), rank: 1}, {changes: encodedTwice(), rank: 2}, {changes: converted(), rank: 4}},
		inside,
		[]aspect{
			{changes: sorted(), rank: 7},
			{changes: spaced(), rank: 3},
			{changes: escaped(), rank: 5},
			{changes: numbered(), rank: 6},
			{changes: added(), rank: 2},
		},
	)
}

// bom is the byte order mark, in UTF-8.
const bom = "\ufeff"

// taken removes characters that were added around a body or to its line ends.
func taken() []aspect {
	// All removals share one mistake; only their texts differ.
	trim := func(what string, f func(b []byte) []byte) change {
		return change{bodyNewline, what, 0, func(b []byte) []byte { return smaller(b, f(b)) }, nil}
	}
	return []aspect{
		{changes: []change{
			// Editors and some .NET writers add one.
			{bodyBOM, "a byte order mark was added before the body", 0, func(b []byte) []byte { return smaller(b, bytes.TrimPrefix(b, []byte(bom))) }, nil},
		}},
		{changes: []change{
			trim("a newline was added at the end of the body", func(b []byte) []byte { return bytes.TrimRight(b, "\r\n") }),
			// The sender may have sent one newline, and a second one was added. So removing one
			// newline is tried as well as removing all.
			trim("a newline was added at the end of the body", func(b []byte) []byte { return bytes.TrimSuffix(b, []byte("\n")) }),
			trim("white space was added around the body", bytes.TrimSpace),
		}},
		{changes: []change{
			// git, editors on Windows and text-mode transfers convert line ends.
			{bodyLineEnds, "LF became CRLF in the body", rewriteCost, func(b []byte) []byte {
				return smaller(b, bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")))
			}, nil},
		}},
	}
}

// smaller returns changed, or nil if changed has the length of b and so nothing
// was removed.
func smaller(b, changed []byte) []byte {
	if len(changed) == len(b) {
		return nil
	}
	return changed
}

// added restores characters that were removed.
func added() []change {
	with := func(m Mistake, what, front, end string) change {
		return change{m, what, 1, func(b []byte) []byte { return slices.Concat([]byte(front), b, []byte(end)) }, nil}
	}
	return []change{
		// Senders that write JSON with an encoder often end it with a newline, and shells and
		// frameworks trim it.
		with(bodyNewline, "the newline at the end of the body was removed", "", "\n"),
		with(bodyNewline, "the newline (CRLF) at the end of the body was removed", "", "\r\n"),
		with(bodyBOM, "the byte order mark before the body was removed", bom, ""),
		{bodyLineEnds, "CRLF became LF in the body", rewriteCost, func(b []byte) []byte {
			// A body with some CRLF was not converted as a whole.
			if bytes.IndexByte(b, '\n') < 0 || bytes.Contains(b, []byte("\r\n")) {
				return nil
			}
			return bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n"))
		}, nil},
	}
}

// inJSON is a change in how JSON is written. It does not compare values: a
// style that is not the sender's only adds a candidate that no signature
// matches.
func inJSON(m Mistake, what string, st style) change {
	return change{m, what, rewriteCost, func(b []byte) []byte { return restyle(b, st) }, looksLikeJSON}
}

// spaced returns the changes of white space between the tokens of JSON, in the
// styles of common libraries, the most common first.
func spaced() []change {
	var all []change
	for _, form := range []struct {
		name string
		spacing
	}{
		// JavaScript, PHP and Go write this.
		{"minified", spacing{"", ":", ","}},
		{"indented by 2 spaces", spacing{"  ", ": ", ","}},
		// Python's json.dumps.
		{"on one line with spaces", spacing{"", ": ", ", "}},
		{"indented by 4 spaces", spacing{"    ", ": ", ","}},
		{"indented by tabs", spacing{"\t", ": ", ","}},
		// Jackson's pretty printer.
		{"indented by 2 spaces, with spaces around colons", spacing{"  ", " : ", ","}},
	} {
		// Indented JSON that lost only its newlines is a mistake with another fix, so it is tried
		// first.
		if form.indent != "" {
			all = append(all, unbroken(form.spacing))
		}
		c := inJSON(bodyReformatted, "the JSON in the body was reformatted; the sender's is "+form.name, style{spacing: &form.spacing})
		c.needs = func(b []byte) bool {
			return looksLikeJSON(b) && len(bytes.TrimSpace(b)) == len(b) // white space around it is bodyNewline
		}
		all = append(all, c)
	}
	return all
}

// unbroken restores the newlines of indented JSON if nothing else is missing.
// It adds a final newline, because files end with one. curl -d @FILE removes
// all newlines. That mistake has an exact fix, so it is not reported as
// reformatting.
func unbroken(how spacing) change {
	c := inJSON(bodyLineEnds, "the newlines were removed from the body, as curl -d @FILE does; the sender must use --data-binary", style{spacing: &how})
	restyled := c.do
	c.needs = func(b []byte) bool { return isUnbroken(b, how.indent) }
	c.do = func(b []byte) []byte {
		whole := restyled(b)
		// The rewritten JSON must equal the received JSON except for newlines. Otherwise something
		// else was changed too.
		if whole == nil || string(bytes.ReplaceAll(whole, []byte("\n"), nil)) != string(b) {
			return nil
		}
		return append(whole, '\n')
	}
	return c
}

// isUnbroken reports whether JSON is indented after its first bracket, but has
// no line break.
func isUnbroken(b []byte, indent string) bool {
	return looksLikeJSON(b) && bytes.HasPrefix(b[1:], []byte(indent)) && bytes.IndexByte(b, '\n') < 0
}

// escaped returns the changes of escapes in JSON strings. Single classes of
// characters come first, then the combinations that libraries use. needs skips
// the combinations that cannot change this body.
func escaped() []change {
	var all []change
	// One cache for all ways, because they are called for the same bodies in turn.
	characters := charactersOf()
	for _, form := range []struct {
		what    string
		escapes escapes
		needs   func(has contents) bool
	}{
		// JSON.stringify writes this, so it comes first.
		{"; the sender escapes only what it must", escapes{raw, raw, raw, raw}, func(has contents) bool { return has.escape || has.slash }},
		{"; the sender does not escape slashes", escapes{slash: raw}, func(has contents) bool { return has.slash }},
		{"; the sender escapes slashes", escapes{slash: lower}, func(has contents) bool { return has.plain }},
		{"; the sender escapes <, > and &", escapes{html: lower}, func(has contents) bool { return has.html }},
		{"; the sender does not escape <, > and &", escapes{html: raw}, func(has contents) bool { return has.escape }},
		{"; the sender escapes non-ASCII characters", escapes{rest: lower}, func(has contents) bool { return has.rest }},
		{"; the sender escapes non-ASCII characters with capital hex digits", escapes{rest: upper}, func(has contents) bool { return has.rest || has.escape }},
		{"; the sender does not escape non-ASCII characters", escapes{rest: raw}, func(has contents) bool { return has.escape }},
		{
			"; the sender escapes slashes and non-ASCII characters, as PHP does",
			escapes{lower, raw, raw, lower},
			func(has contents) bool { return has.plain && (has.rest || has.escape) },
		},
		{"; the sender escapes slashes, <, > and &", escapes{slash: lower, html: lower}, func(has contents) bool { return has.plain && has.html }},
		{
			"; the sender escapes only non-ASCII characters, as Python does",
			escapes{raw, raw, raw, lower},
			func(has contents) bool { return has.rest || has.escape },
		},
		{
			"; the sender escapes <, > and & and nothing else, as Go does",
			escapes{raw, lower, raw, raw},
			func(has contents) bool { return has.escape || has.html && has.slash },
		},
		{
			"; the sender escapes <, >, &, +, ' and non-ASCII characters, as .NET does",
			escapes{raw, upper, upper, upper},
			// This class has characters that contents does not track.
			func(contents) bool { return true },
		},
		{
			"; the sender escapes <, >, & and non-ASCII characters",
			escapes{html: lower, rest: lower},
			func(has contents) bool { return has.html && has.rest },
		},
	} {
		c := inJSON(bodyEscapes, "characters in the JSON strings were escaped or unescaped"+form.what, style{text: form.escapes.text})
		c.needs = func(b []byte) bool { return looksLikeJSON(b) && form.needs(characters(b)) }
		all = append(all, c)
	}
	return all
}

// contents says which characters a body contains that can be escaped or
// unescaped.
type contents struct{ escape, slash, plain, html, rest bool }

// charactersOf returns a function that caches its last result. The function is
// called for the same body once for each way to escape, and scanning a megabyte
// each time would be expensive. The body is recognized by its address and
// length: no change writes to a body in place.
func charactersOf() func(b []byte) contents {
	var last []byte
	var has contents
	return func(b []byte) contents {
		if len(b) == 0 || len(b) != len(last) || &b[0] != &last[0] {
			last, has = b, contents{
				escape: bytes.Contains(b, []byte(`\u`)), slash: bytes.Contains(b, []byte(`\/`)), plain: bytes.IndexByte(b, '/') >= 0,
				html: bytes.ContainsAny(b, "<>&"), rest: notASCII(b),
			}
		}
		return has
	}
}

// numbered returns the changes in how numbers are written.
func numbered() []change {
	const what = "numbers in the JSON were rewritten; the sender writes "
	all := []change{
		// JavaScript has only float64, and writes whole numbers without a point.
		inJSON(bodyNumbers, what+"no more digits than needed, such as 1 for 1.0", style{number: float}),
		inJSON(bodyNumbers, what+"a point in whole numbers, such as 1.0 for 1", style{number: point}),
		// Amounts of money, as decimal types print them.
		inJSON(bodyNumbers, what+"two digits after the point", style{number: decimals(false)}),
		inJSON(bodyNumbers, what+"two digits after the point, also for whole numbers", style{number: decimals(true)}),
		inJSON(bodyNumbers, what+"thousands with an exponent, such as 1e3 for 1000", style{number: exponent("e")}),
		inJSON(bodyNumbers, what+"thousands with an exponent, such as 1E3 for 1000", style{number: exponent("E")}),
	}
	// several is how many whole numbers are tried one by one with a point. A program with a typed
	// amount writes 1.0 for it and leaves ids and counts unchanged.
	const several = 24
	// pointAt counts, so each run of do needs a new one.
	for n := range several {
		c := inJSON(bodyNumbers, what+"a point in one of the whole numbers, such as 1.0 for 1", style{})
		c.do = func(b []byte) []byte {
			// Twenty-four copies of a large body are too expensive.
			if len(b) > maxArranged || !looksLikeJSON(b) {
				return nil
			}
			return smaller(b, restyle(b, style{number: pointAt(n)}))
		}
		all = append(all, c)
	}
	return all
}

// sorted returns the change for a sender that sorts members. They arrive in
// another order, and sorting restores the sender's order.
func sorted() []change {
	return []change{{bodyKeyOrder, "members of JSON objects were reordered; the sender sorts them", 4 * rewriteCost, func(b []byte) []byte {
		// Without objects there is nothing to sort.
		all, ok := objects(b)
		if !ok || len(all) == 0 {
			return nil
		}
		// One sorted order, so it is cheap for bodies of any size; other orders are in
		// propose_order.go.
		return arrange(b, all, byKey)
	}, looksLikeJSON}}
}

// fieldOrders yields every order of the fields of a form if they are sorted and
// at most six. It reports whether body is such a form, so that the caller does
// not take it for JSON.
func fieldOrders(body []byte, yield func(b []byte, undone step) bool) bool {
	if len(body) > maxArranged || !looksLikeForm(body) {
		return false
	}
	pairs := strings.Split(string(body), "&")
	// 6! is 720 orders, each with a copy of the body.
	if len(pairs) < 2 || len(pairs) > 6 || !slices.IsSorted(pairs) {
		return false
	}
	permute(len(pairs), func(order []int) bool {
		// permute reuses order, so the fields are copied.
		picked := make([]string, len(order))
		for i, which := range order {
			picked[i] = pairs[which]
		}
		return yield([]byte(strings.Join(picked, "&")), step{bodyForm, "the fields of the form were sorted"})
	})
	return true
}

// permute calls yield with every order of n things, until yield returns false.
// It swaps in place and restores, so yield must copy an order that it keeps.
func permute(n int, yield func(order []int) bool) bool {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	// from keeps the first i things in place and permutes the rest.
	var from func(i int) bool
	from = func(i int) bool {
		if i == n {
			return yield(order)
		}
		for j := i; j < n; j++ {
			order[i], order[j] = order[j], order[i]
			if !from(i + 1) {
				return false
			}
			order[i], order[j] = order[j], order[i]
		}
		return true
	}
	return from(0)
}

// The rest of this file handles whole bodies: envelopes, compression, character sets and forms.

// unwrapped takes a body out of the text or envelope that contains it.
func unwrapped(body []byte) []change {
	return append(
		[]change{
			// API Gateway and Lambda pass binary bodies this way.
			{bodyBase64, "", 2, fromBase64, nil},
			{bodyWrapped, "the body is the signed text as a JSON string", rewriteCost, fromJSONString, isJSONString},
			{bodyWrapped, "the signed text is the value of the form field payload", rewriteCost, func(b []byte) []byte {
				// GitHub and Slack can send their JSON in this field.
				form, err := url.ParseQuery(string(b))
				if err != nil || form.Get("payload") == "" {
					return nil
				}
				return []byte(form.Get("payload"))
			}, looksLikeForm},
		},
		fromEnvelope(body)...,
	)
}

// formed rebuilds a form from the JSON that was taken out of it, and takes a
// body out of a multipart form. Rebuilding is more expensive than taking out
// and is needed less often, so it ranks lower.
func formed() []change {
	return []change{
		{bodyWrapped, "the form field payload was signed, but only the JSON in it is left", rewriteCost, func(b []byte) []byte {
			return []byte("payload=" + url.QueryEscape(string(b)))
		}, looksLikeJSON},
		// A body parser that turns every body into an object.
		{bodyForm, "the form in the body was parsed and written as JSON", rewriteCost, fromFlatJSON, looksLikeJSON},
		// curl -F with one field sends one part.
		{bodyWrapped, "the signed text is one part of multipart/form-data, as curl -F sends it", rewriteCost, fromMultipart, isMultipart},
	}
}

// isMultipart looks at the first line and the header that must follow it.
func isMultipart(b []byte) bool {
	return bytes.HasPrefix(b, []byte("--")) && bytes.Contains(b[:min(len(b), 1024)], []byte("Content-Disposition: form-data"))
}

// fromMultipart returns the content of the first part.
func fromMultipart(b []byte) []byte {
	// The first line is the boundary, which also ends the part.
	boundary, rest, ok := bytes.Cut(b, []byte("\r\n"))
	if !ok {
		return nil
	}
	// An empty line ends the part's headers.
	_, content, ok := bytes.Cut(rest, []byte("\r\n\r\n"))
	content, _, end := bytes.Cut(content, append([]byte("\r\n"), boundary...))
	if !ok || !end {
		return nil
	}
	return content
}

// fromFlatJSON writes an object that contains only strings as a form, in the
// object's order.
func fromFlatJSON(b []byte) []byte {
	// An empty object may have been anything.
	names, values := flatStrings(b)
	if len(names) == 0 {
		return nil
	}
	var form []byte
	for i, name := range names {
		if i > 0 {
			form = append(form, '&')
		}
		// QueryEscape writes a space as +. For other encoders see reencoded.
		form = append(append(append(form, url.QueryEscape(name)...), '='), url.QueryEscape(values[i])...)
	}
	return form
}

// flatStrings returns the members of a JSON object whose values are all
// strings. It returns nil if one value is not a string, because a form contains
// only strings.
func flatStrings(b []byte) (names, values []string) {
	all, ok := objects(b)
	// One object, and below none with a nested value.
	if !ok || len(all) != 1 {
		return nil, nil
	}
	for _, m := range all[0].members {
		name := fromJSONString([]byte(`"` + string(m.key) + `"`))
		value := fromJSONString(bytes.TrimLeft(b[m.start+len(m.key)+2:m.end], " \t\r\n:"))
		if name == nil || value == nil {
			return nil, nil
		}
		names, values = append(names, string(name)), append(values, string(value))
	}
	return names, values
}

// packed undoes compression, and decompression as far as that is possible.
// Compressing again reproduces the sender's bytes only if the sender uses the
// same library at the same level. So it tries the three common levels of Go's
// gzip, and only if the headers mention gzip.
func (s *scene) packed() []change {
	// Decompressing needs no header: the body shows that it is compressed.
	all := []change{{bodyCompressed, "", 4, inflate, nil}}
	if strings.Contains(strings.ToLower(asMap(s.req.Header).Get("Content-Encoding")), "gzip") {
		for _, level := range []int{gzip.DefaultCompression, gzip.BestSpeed, gzip.BestCompression} {
			all = append(all, change{bodyDecompressed, "", deflateCost, func(b []byte) []byte { return deflate(b, level) }, nil})
		}
	}
	return all
}

// encodedTwice undoes the most common conversion that is visible: UTF-8 that
// was read as Latin-1 and encoded again. Such text always contains Ã or Â. It
// is a separate aspect because its rank is higher than that of other
// conversions.
func encodedTwice() []change {
	return []change{{
		bodyCharset, "the body was converted to UTF-8, but it was UTF-8 already", rewriteCost, toWindows1252(true),
		func(b []byte) bool { return bytes.Contains(b, []byte("\u00c3")) || bytes.Contains(b, []byte("\u00c2")) },
	}}
}

// converted undoes conversions to another character set, and forms that another
// library encoded.
func converted() []change {
	return append(
		// Latin-1 before Windows-1252, because it is the usual default. The two differ only from
		// 0x80 to 0x9f.
		[]change{
			{bodyCharset, "the body was converted to UTF-8, perhaps twice; the sender's is Latin-1, or was UTF-8 already", rewriteCost, toWindows1252(true), notASCII},
			{bodyCharset, "the body was converted to UTF-8, perhaps twice; the sender's is Windows-1252, or was UTF-8 already", rewriteCost, toWindows1252(false), notASCII},
			{bodyCharset, "the body was converted from UTF-8 to Latin-1", rewriteCost, fromWindows1252(true), notASCII},
			{bodyCharset, "the body was converted from UTF-8 to Windows-1252", rewriteCost, fromWindows1252(false), notASCII},
			{bodyCharset, "the body was converted from UTF-8 to UTF-16", rewriteCost, fromUTF16, looksLikeUTF16},
		},
		reencoded()...,
	)
}

// inflate decompresses gzip and zlib, recognized by their first bytes. It
// returns nil for anything larger than maxInflated.
func inflate(b []byte) []byte {
	var r io.ReadCloser
	var err error
	switch {
	case bytes.HasPrefix(b, []byte{0x1f, 0x8b}):
		r, err = gzip.NewReader(bytes.NewReader(b))
	// A zlib header is a multiple of 31 (RFC 1950, section 2.2).
	case len(b) > 2 && b[0] == 0x78 && (int(b[0])<<8|int(b[1]))%31 == 0:
		r, err = zlib.NewReader(bytes.NewReader(b))
	default:
		return nil
	}
	if err != nil {
		return nil
	}
	// One byte more than allowed distinguishes a body that is too large from one that ends there.
	plain, err := io.ReadAll(io.LimitReader(r, maxInflated+1))
	if err != nil || len(plain) > maxInflated || r.Close() != nil {
		return nil
	}
	return plain
}

// deflate compresses as a sender in Go does. The output of other libraries
// differs.
func deflate(b []byte, level int) []byte {
	// The body is compressed already.
	if bytes.HasPrefix(b, []byte{0x1f, 0x8b}) {
		return nil
	}
	var buf bytes.Buffer
	w, err := gzip.NewWriterLevel(&buf, level)
	if err != nil {
		return nil
	}
	if _, err := w.Write(b); err != nil || w.Close() != nil {
		return nil
	}
	return buf.Bytes()
}

// fromBase64 decodes base64 in any of its alphabets. Characters that are
// frequent in JSON and forms rule it out early.
func fromBase64(b []byte) []byte {
	// Gateways quote base64, and tools end it with a newline.
	b = bytes.Trim(b, "\" \r\n")
	if len(b) < 4 || bytes.ContainsAny(b[:min(len(b), 64)], "{}[]<>&%:; ") {
		return nil
	}
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if plain, err := enc.DecodeString(string(b)); err == nil {
			return plain
		}
	}
	return nil
}

// isJSONString reports whether the body begins as a JSON string.
func isJSONString(b []byte) bool {
	b = bytes.TrimSpace(b)
	return len(b) >= 2 && b[0] == '"'
}

// fromJSONString returns the text of a JSON string, or nil if the body is not
// one.
func fromJSONString(b []byte) []byte {
	var inner string
	if !isJSONString(b) || json.Unmarshal(bytes.TrimSpace(b), &inner) != nil {
		return nil
	}
	return []byte(inner)
}

// fromEnvelope returns the changes that take a body out of the members in which
// gateways and queues put it. Members whose name does not occur are skipped.
// Each member is tried as text and as base64, because only some gateways say
// which one it is.
func fromEnvelope(body []byte) (all []change) {
	for _, name := range []string{"body", "payload", "Message", "message", "data", "rawBody"} {
		// This search runs once per name, not once per change, because it determines which changes
		// exist.
		quoted := []byte(`"` + name + `"`)
		if !bytes.Contains(body[:min(len(body), maxEnvelope)], quoted) && !bytes.Contains(body[max(len(body)-maxEnvelope, 0):], quoted) {
			continue
		}
		for _, decode := range []bool{false, true} {
			all = append(all, change{bodyWrapped, "the signed text is the member " + name + " of the body", rewriteCost, func(b []byte) []byte {
				inner := memberOf(b, name)
				if inner != nil && decode {
					return fromBase64(inner)
				}
				return inner
			}, looksLikeJSON})
		}
	}
	return all
}

// memberOf returns the value of a member of the outermost object: the text of a
// string, or the source of an object or array. It returns nil if there is none.
func memberOf(b []byte, name string) []byte {
	all, ok := objects(b)
	// An envelope is one object. In a list of several, it is unknown which one was signed.
	if !ok || len(all) != 1 {
		return nil
	}
	for _, m := range all[0].members {
		if string(m.key) != name {
			continue
		}
		// Skip the quotes of the key, then the colon.
		value := bytes.TrimLeft(b[m.start+len(m.key)+2:m.end], " \t\r\n:")
		if text := fromJSONString(value); text != nil {
			return text
		}
		if looksLikeJSON(value) {
			return value
		}
	}
	return nil
}

// windows1252 contains the characters of the bytes 0x80 to 0x9f. Undefined
// bytes stand for control characters, as in browsers.
const windows1252 = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ"

// toWindows1252 converts UTF-8 to Windows-1252, or to Latin-1. It returns nil
// if a character does not exist there.
func toWindows1252(latin1 bool) func(b []byte) []byte {
	return func(b []byte) []byte {
		// Invalid UTF-8 was not converted to UTF-8.
		if !utf8.Valid(b) {
			return nil
		}
		dst := make([]byte, 0, len(b))
		high := []rune(windows1252)
		for _, r := range string(b) {
			// Outside of 0x80 to 0x9f both character sets equal Unicode.
			if r < 0x80 || r >= 0xa0 && r <= 0xff || latin1 && r <= 0xff {
				dst = append(dst, byte(r)) //nolint:gosec // under 256
				continue
			}
			i := slices.Index(high, r)
			if i < 0 || latin1 {
				return nil
			}
			dst = append(dst, byte(0x80+i)) //nolint:gosec // under 256
		}
		return dst
	}
}

// fromWindows1252 converts to UTF-8. Every byte has a character, so it cannot
// fail.
func fromWindows1252(latin1 bool) func(b []byte) []byte {
	return func(b []byte) []byte {
		high := []rune(windows1252)
		dst := make([]byte, 0, len(b)+len(b)/4)
		for _, c := range b {
			r := rune(c)
			if !latin1 && c >= 0x80 && c < 0xa0 {
				r = high[c-0x80]
			}
			dst = utf8.AppendRune(dst, r)
		}
		return dst
	}
}

// looksLikeUTF16 looks at the first character. It is ASCII in every format of
// webhooks, so one of its bytes is zero, unless it is a byte order mark.
func looksLikeUTF16(b []byte) bool {
	return len(b) >= 2 && len(b)%2 == 0 && (b[0] == 0) != (b[1] == 0) || bytes.HasPrefix(b, []byte{0xff, 0xfe}) || bytes.HasPrefix(b, []byte{0xfe, 0xff})
}

// fromUTF16 converts to UTF-8, and drops a byte order mark at the beginning.
func fromUTF16(b []byte) []byte {
	// The first character is ASCII or a byte order mark, so its zero or 0xfe byte gives the order.
	big := b[0] == 0 || b[0] == 0xfe
	dst := make([]byte, 0, len(b))
	var high rune
	for ; len(b) >= 2; b = b[2:] {
		u := rune(b[1])<<8 | rune(b[0])
		if big {
			u = rune(b[0])<<8 | rune(b[1])
		}
		switch {
		// Only at the beginning is it a byte order mark.
		case u == 0xfeff && len(dst) == 0:
		// The first half of a pair waits for the second.
		case utf16.IsSurrogate(u) && high == 0:
			high = u
		case high != 0:
			dst, high = utf8.AppendRune(dst, utf16.DecodeRune(high, u)), 0
		default:
			dst = utf8.AppendRune(dst, u)
		}
	}
	return dst
}

// notASCII reports whether b has a byte that a character set can change.
func notASCII(b []byte) bool {
	return slices.ContainsFunc(b, func(c byte) bool { return c >= utf8.RuneSelf })
}

// looksLikeForm looks for a name and = in the first bytes, without characters
// that a form would encode.
func looksLikeForm(b []byte) bool {
	// A name is short; a longer search would read large bodies of other types.
	name, _, ok := bytes.Cut(b[:min(len(b), 256)], []byte("="))
	return ok && len(name) > 0 && !bytes.ContainsAny(name, "{}\"<> \r\n")
}

// reencoded returns the changes that write a form as another library does.
// Libraries differ in the characters that they do not encode, in how they write
// a space, and in the case of hexadecimal digits.
func reencoded() []change {
	whole := func(what string, f func(text string) string) change {
		return change{bodyForm, "the form in the body was re-encoded differently; the sender writes " + what, rewriteCost, func(b []byte) []byte {
			return []byte(f(string(b)))
		}, looksLikeForm}
	}
	all := []change{
		whole("a space as %20", func(t string) string { return strings.ReplaceAll(t, "+", "%20") }),
		whole("a space as +", func(t string) string { return strings.ReplaceAll(t, "%20", "+") }),
		whole("hexadecimal in lower case", func(t string) string { return percentCase(t, strings.ToLower) }),
		whole("hexadecimal in upper case", func(t string) string { return percentCase(t, strings.ToUpper) }),
		whole("the fields sorted", func(t string) string {
			// Go's url.Values.Encode sorts.
			pairs := strings.Split(t, "&")
			slices.Sort(pairs)
			return strings.Join(pairs, "&")
		}),
	}
	// The characters that are not encoded, and the space.
	for _, form := range []struct{ safe, space string }{
		{"-_.~", "+"},        // Go and Python
		{"-_.~", "%20"},      // RFC 3986, rawurlencode of PHP
		{"-_.*", "+"},        // browsers and Java
		{"-_.", "+"},         // urlencode of PHP
		{"-_.!~*'()", "%20"}, // encodeURIComponent of JavaScript
	} {
		// HttpUtility of .NET writes hexadecimal in lower case.
		for _, lowerCase := range []bool{false, true} {
			all = append(all, whole("it as another library does", func(t string) string {
				return reencode(t, form.safe, form.space, lowerCase)
			}))
		}
	}
	return all
}

// percentCase changes the case of the two digits after each %.
func percentCase(t string, f func(string) string) string {
	var b strings.Builder
	for i := 0; i < len(t); i++ {
		// The two characters are not checked: changing the case of other characters would only add
		// a candidate.
		if t[i] == '%' && i+2 < len(t) {
			b.WriteString("%" + f(t[i+1:i+3]))
			i += 2
			continue
		}
		b.WriteByte(t[i])
	}
	return b.String()
}

// reencode decodes each name and value, and encodes everything but letters,
// digits and the characters in safe. A part that cannot be decoded is encoded
// unchanged.
func reencode(t, safe, space string, lowerCase bool) string {
	// RFC 3986 recommends upper case.
	digits := "0123456789ABCDEF"
	if lowerCase {
		digits = "0123456789abcdef"
	}
	var b strings.Builder
	write := func(text string) {
		// Decode first, so that no escape is escaped again.
		plain, err := url.QueryUnescape(text)
		if err != nil {
			plain = text
		}
		for i := range len(plain) {
			switch c := plain[i]; {
			case c == ' ':
				b.WriteString(space)
			case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', strings.IndexByte(safe, c) >= 0:
				b.WriteByte(c)
			default:
				b.WriteByte('%')
				b.WriteByte(digits[c>>4])
				b.WriteByte(digits[c&15])
			}
		}
	}
	for i, pair := range strings.Split(t, "&") {
		if i > 0 {
			b.WriteByte('&')
		}
		// A field without = stays without one.
		name, value, ok := strings.Cut(pair, "=")
		write(name)
		if ok {
			b.WriteByte('=')
			write(value)
		}
	}
	return b.String()
}
