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
	maxInflated = 4 << 20  // bytes that come out of a compressed body
	deflateCost = 36       // of a byte that is compressed, in bytes that are hashed
	maxEnvelope = 64 << 10 // bytes at each end of a body in which the names of an envelope are looked for
)

// change undoes one mistake in a body. do returns nil where that cannot be, and
// never changes its argument.
type change struct {
	mistake Mistake
	what    string
	cost    int64 // for each byte
	do      func(b []byte) []byte
	needs   func(b []byte) bool // if not nil, says at a glance whether do has anything to do; then do costs, whatever comes of it
}

// aspect is what is changed in one way at a time.
type aspect struct {
	changes []change
	rank    int  // how early it is tried alone: what is likely and cheap comes first
	again   bool // the same as before, of what was inside
}

// aspects are in the order in which they are undone: from the outside in, since
// what came last on the way is the first to undo. A pair of changes is always
// tried in this order, so that a new aspect belongs where its damage was done:
// what wraps or encodes a whole body in front, what rewrites JSON behind. rank
// is apart from that: it orders the changes that are tried alone, for large
// bodies that leave no work for all of them.
func (s *scene) aspects(body []byte) []aspect {
	outside := taken()
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

const bom = "\ufeff"

// taken takes off what was put around a body.
func taken() []aspect {
	trim := func(what string, f func(b []byte) []byte) change {
		return change{bodyNewline, what, 0, func(b []byte) []byte { return smaller(b, f(b)) }, nil}
	}
	return []aspect{
		{changes: []change{
			{bodyBOM, "a byte order mark was put in front of the body", 0, func(b []byte) []byte { return smaller(b, bytes.TrimPrefix(b, []byte(bom))) }, nil},
		}},
		{changes: []change{
			trim("a newline was added at the end of the body", func(b []byte) []byte { return bytes.TrimRight(b, "\r\n") }),
			trim("a newline was added at the end of the body", func(b []byte) []byte { return bytes.TrimSuffix(b, []byte("\n")) }),
			trim("white space was added around the body", bytes.TrimSpace),
		}},
		{changes: []change{
			{bodyLineEnds, "LF became CRLF in the body", rewriteCost, func(b []byte) []byte {
				return smaller(b, bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")))
			}, nil},
		}},
	}
}

// smaller is changed, nil if nothing was taken.
func smaller(b, changed []byte) []byte {
	if len(changed) == len(b) {
		return nil
	}
	return changed
}

// added puts back what was taken off.
func added() []change {
	with := func(m Mistake, what, front, end string) change {
		return change{m, what, 1, func(b []byte) []byte { return slices.Concat([]byte(front), b, []byte(end)) }, nil}
	}
	return []change{
		with(bodyNewline, "the newline at the end of the body was removed", "", "\n"),
		with(bodyNewline, "the newline (CRLF) at the end of the body was removed", "", "\r\n"),
		with(bodyBOM, "the byte order mark in front of the body was removed", bom, ""),
		{bodyLineEnds, "CRLF became LF in the body", rewriteCost, func(b []byte) []byte {
			if bytes.IndexByte(b, '\n') < 0 || bytes.Contains(b, []byte("\r\n")) {
				return nil
			}
			return bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n"))
		}, nil},
	}
}

// inJSON is a change of the tokens of JSON. Values are not compared: a style
// that does not fit the sender's only makes a candidate that no signature fits.
func inJSON(m Mistake, what string, st style) change {
	return change{m, what, rewriteCost, func(b []byte) []byte { return restyle(b, st) }, looksLikeJSON}
}

func spaced() []change {
	var all []change
	for _, form := range []struct {
		name string
		spacing
	}{
		{"minified", spacing{"", ":", ","}},
		{"indented by 2", spacing{"  ", ": ", ","}},
		{"on one line with spaces", spacing{"", ": ", ", "}},
		{"indented by 4", spacing{"    ", ": ", ","}},
		{"indented by tabs", spacing{"\t", ": ", ","}},
		{"indented by 2 with spaces around colons", spacing{"  ", " : ", ","}},
	} {
		if form.indent != "" {
			all = append(all, unbroken(form.spacing))
		}
		c := inJSON(bodyReformatted, "the JSON in the body was formatted anew; the sender's is "+form.name, style{spacing: &form.spacing})
		c.needs = func(b []byte) bool {
			return looksLikeJSON(b) && len(bytes.TrimSpace(b)) == len(b) // white space around it is a mistake of its own
		}
		all = append(all, c)
	}
	return all
}

// unbroken puts the newlines back into indented JSON, if they are all that is
// missing: the last one too, with which files end.
func unbroken(how spacing) change {
	c := inJSON(bodyLineEnds, "the newlines were taken out of the body, as curl -d @FILE does; the sender needs --data-binary", style{spacing: &how})
	restyled := c.do
	c.needs = func(b []byte) bool { return isUnbroken(b, how.indent) }
	c.do = func(b []byte) []byte {
		whole := restyled(b)
		if whole == nil || string(bytes.ReplaceAll(whole, []byte("\n"), nil)) != string(b) {
			return nil
		}
		return append(whole, '\n')
	}
	return c
}

// isUnbroken says that JSON has the white space of a line behind its first
// bracket, and no line.
func isUnbroken(b []byte, indent string) bool {
	return looksLikeJSON(b) && bytes.HasPrefix(b[1:], []byte(indent)) && bytes.IndexByte(b, '\n') < 0
}

func escaped() []change {
	var all []change
	characters := charactersOf()
	for _, form := range []struct {
		what    string
		escapes escapes
		needs   func(has contents) bool
	}{
		{"; the sender escapes nothing that need not be", escapes{raw, raw, raw, raw}, func(has contents) bool { return has.escape || has.slash }},
		{"; the sender escapes no slash", escapes{slash: raw}, func(has contents) bool { return has.slash }},
		{"; the sender escapes the slash", escapes{slash: lower}, func(has contents) bool { return has.plain }},
		{"; the sender escapes <, > and &", escapes{html: lower}, func(has contents) bool { return has.html }},
		{"; the sender does not escape <, > and &", escapes{html: raw}, func(has contents) bool { return has.escape }},
		{"; the sender escapes what is not ASCII", escapes{rest: lower}, func(has contents) bool { return has.rest }},
		{"; the sender escapes what is not ASCII, in capitals", escapes{rest: upper}, func(has contents) bool { return has.rest || has.escape }},
		{"; the sender does not escape what is not ASCII", escapes{rest: raw}, func(has contents) bool { return has.escape }},
		{
			"; the sender escapes slash and what is not ASCII, as PHP does",
			escapes{lower, raw, raw, lower},
			func(has contents) bool { return has.plain && (has.rest || has.escape) },
		},
		{"; the sender escapes slash, <, > and &", escapes{slash: lower, html: lower}, func(has contents) bool { return has.plain && has.html }},
		{
			"; the sender escapes only what is not ASCII, as Python does",
			escapes{raw, raw, raw, lower},
			func(has contents) bool { return has.rest || has.escape },
		},
		{
			"; the sender escapes <, > and & and nothing else, as Go does",
			escapes{raw, lower, raw, raw},
			func(has contents) bool { return has.escape || has.html && has.slash },
		},
		{
			"; the sender escapes <, >, &, +, ' and what is not ASCII, as .NET does",
			escapes{raw, upper, upper, upper},
			func(contents) bool { return true },
		},
		{
			"; the sender escapes <, >, & and what is not ASCII",
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

// contents says what stands in a body that can be escaped or unescaped.
type contents struct{ escape, slash, plain, html, rest bool }

// charactersOf remembers the last body that it was asked about: it is asked
// once for each way to escape.
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

func numbered() []change {
	const what = "numbers in the JSON were written anew; the sender writes "
	all := []change{
		inJSON(bodyNumbers, what+"no more digits than needed, as 1 for 1.0", style{number: float}),
		inJSON(bodyNumbers, what+"a point in whole numbers, as 1.0 for 1", style{number: point}),
		inJSON(bodyNumbers, what+"two digits behind the point", style{number: decimals(false)}),
		inJSON(bodyNumbers, what+"two digits behind the point, also of whole numbers", style{number: decimals(true)}),
		inJSON(bodyNumbers, what+"thousands with an exponent, as 1e3 for 1000", style{number: exponent("e")}),
		inJSON(bodyNumbers, what+"thousands with an exponent, as 1E3 for 1000", style{number: exponent("E")}),
	}
	const several = 24
	for n := range several {
		c := inJSON(bodyNumbers, what+"a point in one of the whole numbers, as 1.0 for 1", style{})
		c.do = func(b []byte) []byte {
			if len(b) > maxArranged || !looksLikeJSON(b) {
				return nil
			}
			return smaller(b, restyle(b, style{number: pointAt(n)}))
		}
		all = append(all, c)
	}
	return all
}

func sorted() []change {
	return []change{{bodyKeyOrder, "members of JSON objects were put in another order; the sender sorts them", 4 * rewriteCost, func(b []byte) []byte {
		all, ok := objects(b)
		if !ok || len(all) == 0 {
			return nil
		}
		return arrange(b, all, byKey)
	}, looksLikeJSON}}
}

// fieldOrders yields every order of the fields of a form, if something seems to
// have sorted them. It reports whether body is such a form.
func fieldOrders(body []byte, yield func(b []byte, undone step) bool) bool {
	if len(body) > maxArranged || !looksLikeForm(body) {
		return false
	}
	pairs := strings.Split(string(body), "&")
	if len(pairs) < 2 || len(pairs) > 6 || !slices.IsSorted(pairs) {
		return false
	}
	permute(len(pairs), func(order []int) bool {
		picked := make([]string, len(order))
		for i, which := range order {
			picked[i] = pairs[which]
		}
		return yield([]byte(strings.Join(picked, "&")), step{bodyForm, "the fields of the form were sorted"})
	})
	return true
}

// permute calls yield with every order of n things, until it returns false.
func permute(n int, yield func(order []int) bool) bool {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
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

// What follows is about whole bodies: envelopes, compression, character sets and
// forms.

// unwrapped takes a body out of what it was put into, or puts it back.
func unwrapped(body []byte) []change {
	return append(
		[]change{
			{bodyBase64, "", 2, fromBase64, nil},
			{bodyWrapped, "the body is a JSON string of what was signed", rewriteCost, fromJSONString, isJSONString},
			{bodyWrapped, "what was signed is the value of the form field payload", rewriteCost, func(b []byte) []byte {
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

// formed makes a form again of what was taken out of one. It costs more than to
// take something out, and is less often needed.
func formed() []change {
	return []change{
		{bodyWrapped, "the signed JSON was taken out of the form field payload", rewriteCost, func(b []byte) []byte {
			return []byte("payload=" + url.QueryEscape(string(b)))
		}, looksLikeJSON},
		{bodyForm, "the form in the body was parsed and written as JSON", rewriteCost, fromFlatJSON, looksLikeJSON},
		{bodyWrapped, "what was signed is a part of multipart/form-data, as curl -F sends it", rewriteCost, fromMultipart, isMultipart},
	}
}

// isMultipart goes by the first line and what must follow it.
func isMultipart(b []byte) bool {
	return bytes.HasPrefix(b, []byte("--")) && bytes.Contains(b[:min(len(b), 1024)], []byte("Content-Disposition: form-data"))
}

// fromMultipart takes the content of the first part.
func fromMultipart(b []byte) []byte {
	boundary, rest, ok := bytes.Cut(b, []byte("\r\n"))
	if !ok {
		return nil
	}
	_, content, ok := bytes.Cut(rest, []byte("\r\n\r\n"))
	content, _, end := bytes.Cut(content, append([]byte("\r\n"), boundary...))
	if !ok || !end {
		return nil
	}
	return content
}

// fromFlatJSON writes an object of nothing but strings as a form, in its order.
func fromFlatJSON(b []byte) []byte {
	names, values := flatStrings(b)
	if len(names) == 0 {
		return nil
	}
	var form []byte
	for i, name := range names {
		if i > 0 {
			form = append(form, '&')
		}
		form = append(append(append(form, url.QueryEscape(name)...), '='), url.QueryEscape(values[i])...)
	}
	return form
}

// flatStrings are the members of a JSON object whose values are all strings;
// nil if one is not.
func flatStrings(b []byte) (names, values []string) {
	all, ok := objects(b)
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

// packed undoes compression, and decompression as far as that can be.
func (s *scene) packed() []change {
	all := []change{{bodyCompressed, "", 4, inflate, nil}}
	if strings.Contains(strings.ToLower(asMap(s.req.Header).Get("Content-Encoding")), "gzip") {
		for _, level := range []int{gzip.DefaultCompression, gzip.BestSpeed, gzip.BestCompression} {
			all = append(all, change{bodyDecompressed, "", deflateCost, func(b []byte) []byte { return deflate(b, level) }, nil})
		}
	}
	return all
}

// encodedTwice undoes the commonest conversion where it can be seen: UTF-8 that
// was taken for Latin-1 and encoded once more has these pairs.
func encodedTwice() []change {
	return []change{{
		bodyCharset, "the body was converted to UTF-8 although it was that already", rewriteCost, toWindows1252(true),
		func(b []byte) bool { return bytes.Contains(b, []byte("\u00c3")) || bytes.Contains(b, []byte("\u00c2")) },
	}}
}

// converted undoes what another character set, or another library for forms,
// makes of a body.
func converted() []change {
	return append(
		[]change{
			{bodyCharset, "the body was converted to UTF-8, or twice; the sender's is Latin-1 or was UTF-8 already", rewriteCost, toWindows1252(true), notASCII},
			{bodyCharset, "the body was converted to UTF-8, or twice; the sender's is Windows-1252 or was UTF-8 already", rewriteCost, toWindows1252(false), notASCII},
			{bodyCharset, "the body was converted from UTF-8 to Latin-1", rewriteCost, fromWindows1252(true), notASCII},
			{bodyCharset, "the body was converted from UTF-8 to Windows-1252", rewriteCost, fromWindows1252(false), notASCII},
			{bodyCharset, "the body was converted from UTF-8 to UTF-16", rewriteCost, fromUTF16, looksLikeUTF16},
		},
		reencoded()...,
	)
}

func inflate(b []byte) []byte {
	var r io.ReadCloser
	var err error
	switch {
	case bytes.HasPrefix(b, []byte{0x1f, 0x8b}):
		r, err = gzip.NewReader(bytes.NewReader(b))
	case len(b) > 2 && b[0] == 0x78 && (int(b[0])<<8|int(b[1]))%31 == 0:
		r, err = zlib.NewReader(bytes.NewReader(b))
	default:
		return nil
	}
	if err != nil {
		return nil
	}
	plain, err := io.ReadAll(io.LimitReader(r, maxInflated+1))
	if err != nil || len(plain) > maxInflated || r.Close() != nil {
		return nil
	}
	return plain
}

// deflate compresses as a sender in Go does; what other libraries make of the
// same bytes differs.
func deflate(b []byte, level int) []byte {
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

func fromBase64(b []byte) []byte {
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

func isJSONString(b []byte) bool {
	b = bytes.TrimSpace(b)
	return len(b) >= 2 && b[0] == '"'
}

func fromJSONString(b []byte) []byte {
	var inner string
	if !isJSONString(b) || json.Unmarshal(bytes.TrimSpace(b), &inner) != nil {
		return nil
	}
	return []byte(inner)
}

// fromEnvelope takes the members that gateways and queues put a body into.
func fromEnvelope(body []byte) (all []change) {
	for _, name := range []string{"body", "payload", "Message", "message", "data", "rawBody"} {
		quoted := []byte(`"` + name + `"`)
		if !bytes.Contains(body[:min(len(body), maxEnvelope)], quoted) && !bytes.Contains(body[max(len(body)-maxEnvelope, 0):], quoted) {
			continue
		}
		for _, decode := range []bool{false, true} {
			all = append(all, change{bodyWrapped, "what was signed is the member " + name + " of the body", rewriteCost, func(b []byte) []byte {
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

func memberOf(b []byte, name string) []byte {
	all, ok := objects(b)
	if !ok || len(all) != 1 {
		return nil
	}
	for _, m := range all[0].members {
		if string(m.key) != name {
			continue
		}
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

// windows1252 are the characters of the bytes 0x80 to 0x9f; where there is
// none, it is the control character.
const windows1252 = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ"

func toWindows1252(latin1 bool) func(b []byte) []byte {
	return func(b []byte) []byte {
		if !utf8.Valid(b) {
			return nil
		}
		dst := make([]byte, 0, len(b))
		high := []rune(windows1252)
		for _, r := range string(b) {
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

// looksLikeUTF16 goes by the first character, which is ASCII in every format of
// webhooks, or a byte order mark.
func looksLikeUTF16(b []byte) bool {
	return len(b) >= 2 && len(b)%2 == 0 && (b[0] == 0) != (b[1] == 0) || bytes.HasPrefix(b, []byte{0xff, 0xfe}) || bytes.HasPrefix(b, []byte{0xfe, 0xff})
}

func fromUTF16(b []byte) []byte {
	big := b[0] == 0 || b[0] == 0xfe
	dst := make([]byte, 0, len(b))
	var high rune
	for ; len(b) >= 2; b = b[2:] {
		u := rune(b[1])<<8 | rune(b[0])
		if big {
			u = rune(b[0])<<8 | rune(b[1])
		}
		switch {
		case u == 0xfeff && len(dst) == 0:
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

func notASCII(b []byte) bool {
	return slices.ContainsFunc(b, func(c byte) bool { return c >= utf8.RuneSelf })
}

// looksLikeForm goes by the first bytes.
func looksLikeForm(b []byte) bool {
	name, _, ok := bytes.Cut(b[:min(len(b), 256)], []byte("="))
	return ok && len(name) > 0 && !bytes.ContainsAny(name, "{}\"<> \r\n")
}

// reencoded writes a form as another library does. They differ in which
// characters they leave alone, in how they write a space, and in the case of
// hexadecimal.
func reencoded() []change {
	whole := func(what string, f func(text string) string) change {
		return change{bodyForm, "the form in the body was encoded anew; the sender writes " + what, rewriteCost, func(b []byte) []byte {
			return []byte(f(string(b)))
		}, looksLikeForm}
	}
	all := []change{
		whole("a space as %20", func(t string) string { return strings.ReplaceAll(t, "+", "%20") }),
		whole("a space as +", func(t string) string { return strings.ReplaceAll(t, "%20", "+") }),
		whole("hexadecimal in lower case", func(t string) string { return percentCase(t, strings.ToLower) }),
		whole("hexadecimal in upper case", func(t string) string { return percentCase(t, strings.ToUpper) }),
		whole("the fields sorted", func(t string) string {
			pairs := strings.Split(t, "&")
			slices.Sort(pairs)
			return strings.Join(pairs, "&")
		}),
	}
	for _, form := range []struct{ safe, space string }{
		{"-_.~", "+"},
		{"-_.~", "%20"},
		{"-_.*", "+"},
		{"-_.", "+"},
		{"-_.!~*'()", "%20"},
	} {
		for _, lowerCase := range []bool{false, true} {
			all = append(all, whole("it as another library", func(t string) string {
				return reencode(t, form.safe, form.space, lowerCase)
			}))
		}
	}
	return all
}

// percentCase changes the case of the digits behind each %.
func percentCase(t string, f func(string) string) string {
	var b strings.Builder
	for i := 0; i < len(t); i++ {
		if t[i] == '%' && i+2 < len(t) {
			b.WriteString("%" + f(t[i+1:i+3]))
			i += 2
			continue
		}
		b.WriteByte(t[i])
	}
	return b.String()
}

// reencode decodes each name and value and encodes all but letters, digits and
// those in safe.
func reencode(t, safe, space string, lowerCase bool) string {
	digits := "0123456789ABCDEF"
	if lowerCase {
		digits = "0123456789abcdef"
	}
	var b strings.Builder
	write := func(text string) {
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
		name, value, ok := strings.Cut(pair, "=")
		write(name)
		if ok {
			b.WriteByte('=')
			write(value)
		}
	}
	return b.String()
}
