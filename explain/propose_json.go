package explain

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// style describes how JSON is written. JSON is not parsed, only split into
// tokens: values need not be interpreted, because a signature decides. Tokens
// also keep details that a parser would lose, such as duplicate names and long
// numbers.
type style struct {
	// spacing is the white space between tokens. Nil leaves it unchanged.
	spacing *spacing
	// text rewrites the content of a string. Nil leaves it unchanged.
	text func(dst, content []byte) []byte
	// number rewrites a number. Nil leaves it unchanged.
	number func(dst, token []byte) []byte
}

// spacing is the white space between tokens. If indent is not empty, each
// member has its own line.
type spacing struct {
	indent, colon, comma string
}

const (
	// maxDepth bounds the nesting, and with it the recursion and the
	// indentation.
	maxDepth = 256
	// maxGrowth bounds how many times larger a text may become: deep nesting
	// can be indented to many times its size.
	maxGrowth = 4
)

// restyle rewrites JSON in a style. It returns nil if src cannot be split into
// tokens, or if the result would be much larger.
func restyle(src []byte, st style) []byte {
	// Most rewritings change the size by little, so one allocation is usually enough.
	r := restyler{style: st, src: src, dst: make([]byte, 0, len(src)+len(src)/8+64)}
	// The constant lets short texts grow by more than the factor, as {"a":[]} does when it is split
	// into lines.
	most := maxGrowth*len(src) + 4096
	for i := 0; i < len(src); {
		if len(r.dst) > most {
			return nil
		}
		// Not JSON, or too deep.
		if i = r.token(i); i < 0 {
			return nil
		}
	}
	return r.dst
}

// restyler is the state of one rewriting: the text written so far, and the
// depth of nesting.
type restyler struct {
	style

	src, dst []byte
	depth    int
}

// token writes the token that begins at i, and returns where it ends, or -1 if
// there is none.
func (r *restyler) token(i int) int {
	switch c := r.src[i]; c {
	case '"':
		return r.string(i)
	case ' ', '\t', '\r', '\n':
		// If the style has spacing, open, separate and line write the white space.
		if r.spacing == nil {
			r.dst = append(r.dst, c)
		}
	case '{', '[':
		return r.open(i)
	case '}', ']':
		if r.spacing != nil {
			// More brackets were closed than opened.
			if r.depth--; r.depth < 0 {
				return -1
			}
			r.line()
		}
		r.dst = append(r.dst, c)
	case ',', ':':
		r.separate(c)
	default:
		return r.word(i)
	}
	return i + 1
}

// string writes the string that begins at i.
func (r *restyler) string(i int) int {
	end := endOfString(r.src, i+1)
	switch {
	// An unterminated string: the caller gets -1.
	case end < 0:
	case r.text == nil:
		r.dst = append(r.dst, r.src[i:end]...)
	default:
		r.dst = append(r.text(append(r.dst, '"'), r.src[i+1:end-1]), '"')
	}
	return end
}

// open writes the beginning of an object or array. An empty one is written
// whole, because no style breaks it into lines.
func (r *restyler) open(i int) int {
	c := r.src[i]
	r.dst = append(r.dst, c)
	if r.spacing == nil {
		return i + 1
	}
	// Look ahead, past white space, for an empty object or array.
	next := i + 1
	for next < len(r.src) && isSpace(r.src[next]) {
		next++
	}
	if next < len(r.src) && r.src[next] == c+2 { // in ASCII, } is { + 2 and ] is [ + 2
		r.dst = append(r.dst, c+2)
		return next + 1
	}
	// Each level adds its indentation to every line inside.
	if r.depth++; r.depth > maxDepth {
		return -1
	}
	r.line()
	return i + 1
}

// separate writes a comma or colon with its white space.
func (r *restyler) separate(c byte) {
	switch {
	case r.spacing == nil:
		r.dst = append(r.dst, c)
	// A colon is followed by a value on the same line, a comma by a new member.
	case c == ':':
		r.dst = append(r.dst, r.spacing.colon...)
	default:
		r.dst = append(r.dst, r.spacing.comma...)
		r.line()
	}
}

// word writes a number, true, false or null, or any other text: invalid JSON
// must not stop a search.
func (r *restyler) word(i int) int {
	end := i
	for end < len(r.src) && inToken(r.src[end]) {
		end++
	}
	// true, false and null have one spelling.
	if token := r.src[i:end]; r.number != nil && isNumber(token) {
		r.dst = r.number(r.dst, token)
	} else {
		r.dst = append(r.dst, token...)
	}
	return end
}

// line begins a new line if each member has its own line.
func (r *restyler) line() {
	if r.spacing.indent == "" {
		return
	}
	r.dst = append(r.dst, '\n')
	for range r.depth {
		r.dst = append(r.dst, r.spacing.indent...)
	}
}

// isSpace reports whether c is white space in JSON.
func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// inToken reports whether c belongs to a number or a word.
func inToken(c byte) bool {
	switch c {
	case ' ', '\t', '\r', '\n', ',', ':', '{', '}', '[', ']', '"':
		return false
	}
	return true
}

// isNumber reports whether a token is a number as in RFC 8259, section 6.
// Programs that rewrite numbers write no other forms, such as 01.
func isNumber(token []byte) bool {
	return len(token) > 0 && (token[0] == '-' || token[0] >= '0' && token[0] <= '9') && json.Valid(token)
}

// endOfString returns the index after the quote that ends the string whose
// content begins at i, or -1. It searches for quotes and backslashes with
// IndexByte, which is several times faster than a loop over bytes. It looks for
// each quote only once, because a body of backslashes must not make the search
// quadratic.
func endOfString(b []byte, i int) int {
	for quote := -1; i < len(b); {
		// Look again only if the last quote found was escaped.
		if quote < i {
			next := bytes.IndexByte(b[i:], '"')
			if next < 0 {
				return -1
			}
			quote = i + next
		}
		escape := bytes.IndexByte(b[i:quote], '\\')
		if escape < 0 {
			return quote + 1
		}
		// Skip the backslash and the escaped character, which may be the quote that was found.
		i += escape + 2
	}
	return -1
}

// looksLikeJSON checks only the first character, so it is cheap for bodies of
// any size.
func looksLikeJSON(b []byte) bool {
	b = bytes.TrimLeft(b, " \t\r\n")
	return len(b) > 0 && (b[0] == '{' || b[0] == '[' || b[0] == '"')
}

// escaping says how one class of characters is written.
type escaping uint8

const (
	asItIs escaping = iota
	raw
	lower // \u00e9
	upper // \u00E9
)

// escapes describes how strings are written where JSON allows several forms.
type escapes struct {
	// slash is raw, or lower for \/.
	slash escaping
	// html is for < > & and for U+2028 and U+2029. Old JavaScript does not
	// allow those two in strings.
	html escaping
	// plus is for + and ', which .NET also escapes.
	plus escaping
	// rest is for everything that is not ASCII.
	rest escaping
}

// text rewrites the content of a string. Runs of plain characters are copied at
// once, since most texts consist of them. Invalid UTF-8 is kept byte by byte.
func (e escapes) text(dst, content []byte) []byte {
	for i := 0; i < len(content); {
		// Copy all characters up to the next one that a library escapes.
		run := i
		for run < len(content) && isPlain(content[run]) {
			run++
		}
		if run > i {
			dst = append(dst, content[i:run]...)
			i = run
			continue
		}
		size := 1
		switch c := content[i]; {
		case c == '\\':
			dst, size = e.escape(dst, content[i:])
		case c == '/':
			dst = e.writeSlash(dst, false)
		case c < utf8.RuneSelf:
			dst = e.write(dst, rune(c), content[i:i+1], false)
		default:
			// An invalid byte is not a character that a library would escape. Keep it.
			var r rune
			if r, size = utf8.DecodeRune(content[i:]); r == utf8.RuneError && size == 1 {
				dst = append(dst, c)
			} else {
				dst = e.write(dst, r, content[i:i+size], false)
			}
		}
		i += size
	}
	return dst
}

// escape rewrites the escape at the beginning of content, and returns its size.
// Escapes such as \n and \" have one spelling in practice and stay.
func (e escapes) escape(dst, content []byte) (rewritten []byte, size int) {
	switch {
	case len(content) > 1 && content[1] == '/':
		return e.writeSlash(dst, true), 2
	case len(content) > 5 && content[1] == 'u':
		if r, size := unicodeEscape(content); size > 0 {
			return e.write(dst, r, content[:size], true), size
		}
	}
	// Everything else, such as \n, \" or half a surrogate pair, is copied.
	size = min(2, len(content))
	return append(dst, content[:size]...), size
}

// isPlain reports whether no library escapes c.
func isPlain(c byte) bool {
	switch c {
	case '\\', '/', '<', '>', '&', '+', '\'':
		return false
	}
	return c < utf8.RuneSelf
}

// writeSlash writes a slash. escaped says that the source has \/.
func (e escapes) writeSlash(dst []byte, escaped bool) []byte {
	// asItIs keeps \/ only where the source has it.
	if e.slash == lower || e.slash == asItIs && escaped {
		return append(dst, '\\', '/')
	}
	return append(dst, '/')
}

// write writes r. source is the text of r in the source.
func (e escapes) write(dst []byte, r rune, source []byte, escaped bool) []byte {
	// asItIs keeps the spelling of the source, escaped or not.
	switch how := e.of(r, escaped); how {
	case raw:
		return utf8.AppendRune(dst, r)
	case lower, upper:
		return appendEscape(dst, r, how == upper)
	default:
		return append(dst, source...)
	}
}

// of returns how r is to be written, by its class.
func (e escapes) of(r rune, escaped bool) escaping {
	switch r {
	case '<', '>', '&':
		return e.html
	case 0x2028, 0x2029:
		// The line separators are not ASCII either. Unless the html class decides, they are written
		// like the rest.
		if e.html == asItIs || e.html == raw && e.rest >= lower {
			return e.rest
		}
		return e.html
	case '+', '\'':
		return e.plus
	}
	// Everything else that is not ASCII.
	if r >= utf8.RuneSelf {
		return e.rest
	}
	// Nobody escapes an ASCII letter on purpose, so a style that escapes nothing unescapes it.
	if escaped && r >= ' ' && r != '"' && r != '\\' && e.rest == raw {
		return raw
	}
	return asItIs
}

// appendEscape writes r as \uXXXX, in two units if it is beyond the BMP.
func appendEscape(dst []byte, r rune, capitals bool) []byte {
	// JSON escapes UTF-16 units, not characters.
	units := utf16.AppendRune(nil, r)
	for _, u := range units {
		digits := hex.EncodeToString([]byte{byte(u >> 8), byte(u)}) //nolint:gosec // the low half is meant
		if capitals {
			digits = strings.ToUpper(digits)
		}
		dst = append(append(dst, '\\', 'u'), digits...)
	}
	return dst
}

// unicodeEscape decodes \uXXXX, or two of them that are one character. size is
// 0 if there is none. Half a surrogate pair is kept as it is.
func unicodeEscape(b []byte) (r rune, size int) {
	// unit decodes one \uXXXX. hex.Decode takes upper and lower case.
	unit := func(b []byte) (rune, bool) {
		if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
			return 0, false
		}
		var unit [2]byte
		_, err := hex.Decode(unit[:], b[2:6])
		return rune(unit[0])<<8 | rune(unit[1]), err == nil
	}
	r, ok := unit(b)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	// A character beyond the BMP is a surrogate pair: two escapes, twelve bytes.
	if low, ok := unit(b[6:]); ok {
		if r := utf16.DecodeRune(r, low); r != utf8.RuneError {
			return r, 12
		}
	}
	return 0, 0
}

// float rewrites a number as programs do that have only float64. The limits
// between which they write no exponent are those of JavaScript, which Go's
// encoding/json uses as well.
func float(dst, token []byte) []byte {
	f, err := strconv.ParseFloat(string(token), 64)
	if err != nil {
		return append(dst, token...)
	}
	// 'f' writes no exponent; outside of these limits programs do.
	format := byte('f')
	if abs := max(f, -f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	dst = strconv.AppendFloat(dst, f, format, -1, 64)
	// strconv writes two digits of an exponent, where these programs write 1e-7.
	if n := len(dst); format == 'e' && bytes.HasPrefix(dst[max(0, n-4):], []byte("e-0")) {
		dst = append(dst[:n-2], dst[n-1])
	}
	return dst
}

// point adds a point to integers.
func point(dst, token []byte) []byte {
	// A number with a point or an exponent already has what this adds.
	dst = append(dst, token...)
	if bytes.ContainsAny(token, ".eE") {
		return dst
	}
	return append(dst, ".0"...)
}

// pointAt adds a point to the nth integer only. The function it returns counts,
// so it serves one rewriting.
func pointAt(nth int) func(dst, token []byte) []byte {
	return func(dst, token []byte) []byte {
		if !bytes.ContainsAny(token, ".eE") {
			if nth--; nth == -1 {
				return point(dst, token)
			}
		}
		return append(dst, token...)
	}
}

// exponent rewrites whole numbers that end in at least three zeros with an
// exponent.
func exponent(e string) func(dst, token []byte) []byte {
	return func(dst, token []byte) []byte {
		digits := bytes.TrimRight(token, "0")
		zeros := len(token) - len(digits)
		// Programs rarely write fewer zeros with an exponent. A number with a point or an exponent
		// stays unchanged.
		if zeros < 3 || bytes.ContainsAny(token, ".eE") || len(bytes.TrimLeft(digits, "-")) == 0 {
			return append(dst, token...)
		}
		return strconv.AppendInt(append(append(dst, digits...), e...), int64(zeros), 10)
	}
}

// decimals writes two digits after the point, as for amounts of money. whole
// says that integers get two digits too.
func decimals(whole bool) func(dst, token []byte) []byte {
	return func(dst, token []byte) []byte {
		dst = append(dst, token...)
		i := bytes.IndexByte(token, '.')
		switch {
		// A number with an exponent is not an amount of money.
		case bytes.ContainsAny(token, "eE"):
		case i < 0 && whole:
			dst = append(dst, ".00"...)
		// One digit after the point: 12.5 becomes 12.50. Numbers with more digits stay.
		case i >= 0 && len(token)-i == 2:
			dst = append(dst, '0')
		}
		return dst
	}
}

// Reordering needs more than tokens: where each member begins and ends. This parser finds only
// that, and accepts much that is not JSON.

// object is a JSON object in a text: the places of its members, and the objects
// inside each.
type object struct {
	start, end int
	members    []member
}

// member is a member with its name. inner are the objects inside its value.
type member struct {
	start, end int
	key        []byte
	inner      []*object
}

// objects returns the outermost objects of a text. ok is false if the text is
// not well-formed enough. Arrays are not kept: their order has a meaning, so no
// program changes it.
func objects(src []byte) (all []*object, ok bool) {
	p := parser{src: src}
	// Several values in a row are accepted: a body may be JSON lines.
	for p.i < len(src) {
		if !p.value(&all, 0) {
			return nil, false
		}
		p.space()
	}
	return all, true
}

// parser reads src from i on. Its methods return false if the text is not
// well-formed.
type parser struct {
	src []byte
	i   int
}

// space skips white space.
func (p *parser) space() {
	for p.i < len(p.src) && isSpace(p.src[p.i]) {
		p.i++
	}
}

// is skips white space and c, and reports whether c was there.
func (p *parser) is(c byte) bool {
	p.space()
	if p.i < len(p.src) && p.src[p.i] == c {
		p.i++
		return true
	}
	return false
}

// text skips a string.
func (p *parser) text() bool {
	p.space()
	if p.i >= len(p.src) || p.src[p.i] != '"' {
		return false
	}
	end := endOfString(p.src, p.i+1)
	if end < 0 {
		return false
	}
	p.i = end
	return true
}

// value skips a value, and adds the outermost objects in it to into.
func (p *parser) value(into *[]*object, depth int) bool {
	p.space()
	// The depth is bounded because the parser is recursive: a body of brackets must not exhaust the
	// stack.
	if p.i >= len(p.src) || depth > maxDepth {
		return false
	}
	switch p.src[p.i] {
	case '"':
		return p.text()
	case '{':
		// The object is added before its members are read, so objects are in the order of the text.
		o := &object{start: p.i}
		*into = append(*into, o)
		return p.object(o, depth)
	case '[':
		p.i++
		if p.is(']') {
			return true
		}
		for {
			if !p.value(into, depth+1) {
				return false
			}
			if p.is(']') {
				return true
			}
			if !p.is(',') {
				return false
			}
		}
	default:
		// A number or a word: which one does not matter here.
		start := p.i
		for p.i < len(p.src) && inToken(p.src[p.i]) {
			p.i++
		}
		return p.i > start
	}
}

// object skips an object, and records its members in o.
func (p *parser) object(o *object, depth int) bool {
	p.i++
	if p.is('}') {
		o.end = p.i
		return true
	}
	for {
		p.space()
		m := member{start: p.i}
		if !p.text() {
			return false
		}
		// The key stays escaped: it is only compared with other keys of the same text.
		m.key = p.src[m.start+1 : p.i-1]
		if !p.is(':') || !p.value(&m.inner, depth+1) {
			return false
		}
		m.end = p.i
		o.members = append(o.members, m)
		if p.is('}') {
			o.end = p.i
			return true
		}
		if !p.is(',') {
			return false
		}
	}
}

// arrange writes a text with the members of its objects in the order that pick
// returns. Commas and white space between members stay in place.
func arrange(src []byte, all []*object, pick func(o *object) []int) []byte {
	return appendArranged(make([]byte, 0, len(src)), src, 0, len(src), all, pick)
}

// appendArranged writes src[from:to], in which inside are the outermost
// objects.
func appendArranged(dst, src []byte, from, to int, inside []*object, pick func(o *object) []int) []byte {
	for _, o := range inside {
		dst = append(dst, src[from:o.start]...)
		from = o.start
		// A slot is a place in the text, and which is the member for that place. Commas belong to
		// slots, so the last member never gets a comma.
		for slot, which := range pick(o) {
			dst = append(dst, src[from:o.members[slot].start]...)
			m := &o.members[which]
			dst = appendArranged(dst, src, m.start, m.end, m.inner, pick)
			from = o.members[slot].end
		}
		dst = append(dst, src[from:o.end]...)
		from = o.end
	}
	return append(dst, src[from:to]...)
}

// byKey returns the sorted order of members. The sort is stable, so duplicate
// names keep their order.
func byKey(o *object) []int {
	order := make([]int, len(o.members))
	for i := range order {
		order[i] = i
	}
	// UTF-8 sorts by bytes as it does by code points.
	slices.SortStableFunc(order, func(a, b int) int { return bytes.Compare(o.members[a].key, o.members[b].key) })
	return order
}

// walk visits objects and all objects inside them.
func walk(all []*object, visit func(o *object)) {
	for _, o := range all {
		visit(o)
		for i := range o.members {
			walk(o.members[i].inner, visit)
		}
	}
}
