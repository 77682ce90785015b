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

// style is how JSON is written. The text is not parsed, only taken apart into
// tokens: whatever comes out is judged by the signature.
type style struct {
	spacing *spacing // nil: as it is
	text    func(dst, content []byte) []byte
	number  func(dst, token []byte) []byte
}

// spacing is the white space between tokens; with indent, each member has a
// line.
type spacing struct {
	indent, colon, comma string
}

const (
	maxDepth  = 256
	maxGrowth = 4 // times that a text may become larger
)

// restyle writes JSON anew; nil if it is not taken apart, or would become much
// larger.
func restyle(src []byte, st style) []byte {
	r := restyler{style: st, src: src, dst: make([]byte, 0, len(src)+len(src)/8+64)}
	most := maxGrowth*len(src) + 4096
	for i := 0; i < len(src); {
		if len(r.dst) > most {
			return nil
		}
		if i = r.token(i); i < 0 {
			return nil
		}
	}
	return r.dst
}

type restyler struct {
	style

	src, dst []byte
	depth    int
}

// token writes what begins at i, and returns where it ends; -1 if it cannot be
// taken apart.
func (r *restyler) token(i int) int {
	switch c := r.src[i]; c {
	case '"':
		return r.string(i)
	case ' ', '\t', '\r', '\n':
		if r.spacing == nil {
			r.dst = append(r.dst, c)
		}
	case '{', '[':
		return r.open(i)
	case '}', ']':
		if r.spacing != nil {
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

func (r *restyler) string(i int) int {
	end := endOfString(r.src, i+1)
	switch {
	case end < 0:
	case r.text == nil:
		r.dst = append(r.dst, r.src[i:end]...)
	default:
		r.dst = append(r.text(append(r.dst, '"'), r.src[i+1:end-1]), '"')
	}
	return end
}

// open begins an object or array, and ends it if nothing is inside.
func (r *restyler) open(i int) int {
	c := r.src[i]
	r.dst = append(r.dst, c)
	if r.spacing == nil {
		return i + 1
	}
	next := i + 1
	for next < len(r.src) && isSpace(r.src[next]) {
		next++
	}
	if next < len(r.src) && r.src[next] == c+2 { // ASCII has the closing ones there
		r.dst = append(r.dst, c+2)
		return next + 1
	}
	if r.depth++; r.depth > maxDepth {
		return -1
	}
	r.line()
	return i + 1
}

func (r *restyler) separate(c byte) {
	switch {
	case r.spacing == nil:
		r.dst = append(r.dst, c)
	case c == ':':
		r.dst = append(r.dst, r.spacing.colon...)
	default:
		r.dst = append(r.dst, r.spacing.comma...)
		r.line()
	}
}

// word is a number, or true, false and null.
func (r *restyler) word(i int) int {
	end := i
	for end < len(r.src) && inToken(r.src[end]) {
		end++
	}
	if token := r.src[i:end]; r.number != nil && isNumber(token) {
		r.dst = r.number(r.dst, token)
	} else {
		r.dst = append(r.dst, token...)
	}
	return end
}

// line begins one where members have lines of their own.
func (r *restyler) line() {
	if r.spacing.indent == "" {
		return
	}
	r.dst = append(r.dst, '\n')
	for range r.depth {
		r.dst = append(r.dst, r.spacing.indent...)
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// inToken says that c belongs to a number or a word.
func inToken(c byte) bool {
	switch c {
	case ' ', '\t', '\r', '\n', ',', ':', '{', '}', '[', ']', '"':
		return false
	}
	return true
}

// isNumber knows those of RFC 8259, section 6: what writes numbers anew writes
// no others, such as 01.
func isNumber(token []byte) bool {
	return len(token) > 0 && (token[0] == '-' || token[0] >= '0' && token[0] <= '9') && json.Valid(token)
}

// endOfString is the index behind the quote that ends the string whose content
// begins at i; -1 if there is none.
func endOfString(b []byte, i int) int {
	for quote := -1; i < len(b); {
		if quote < i { // looked for again only if it was escaped
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
		i += escape + 2
	}
	return -1
}

// looksLikeJSON goes by the first character.
func looksLikeJSON(b []byte) bool {
	b = bytes.TrimLeft(b, " \t\r\n")
	return len(b) > 0 && (b[0] == '{' || b[0] == '[' || b[0] == '"')
}

// escaping is what is done with one class of characters.
type escaping uint8

const (
	asItIs escaping = iota
	raw
	lower // \u00e9
	upper // \u00E9
)

// escapes says how the characters of strings are written that may be escaped or
// not.
type escapes struct {
	slash escaping // raw, or lower for \/
	html  escaping // < > & and the line separators that JavaScript had trouble with
	plus  escaping // + and ', which .NET also escapes
	rest  escaping // everything beyond ASCII
}

// text rewrites the content of a string.
func (e escapes) text(dst, content []byte) []byte {
	for i := 0; i < len(content); {
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

// escape writes the escape at the beginning of content, and returns its size.
func (e escapes) escape(dst, content []byte) (rewritten []byte, size int) {
	switch {
	case len(content) > 1 && content[1] == '/':
		return e.writeSlash(dst, true), 2
	case len(content) > 5 && content[1] == 'u':
		if r, size := unicodeEscape(content); size > 0 {
			return e.write(dst, r, content[:size], true), size
		}
	}
	size = min(2, len(content))
	return append(dst, content[:size]...), size
}

// isPlain says that nobody escapes c.
func isPlain(c byte) bool {
	switch c {
	case '\\', '/', '<', '>', '&', '+', '\'':
		return false
	}
	return c < utf8.RuneSelf
}

func (e escapes) writeSlash(dst []byte, escaped bool) []byte {
	if e.slash == lower || e.slash == asItIs && escaped {
		return append(dst, '\\', '/')
	}
	return append(dst, '/')
}

// write writes r, which stands there as source.
func (e escapes) write(dst []byte, r rune, source []byte, escaped bool) []byte {
	switch how := e.of(r, escaped); how {
	case raw:
		return utf8.AppendRune(dst, r)
	case lower, upper:
		return appendEscape(dst, r, how == upper)
	default:
		return append(dst, source...)
	}
}

// of is what is done with r, by its class.
func (e escapes) of(r rune, escaped bool) escaping {
	switch r {
	case '<', '>', '&':
		return e.html
	case 0x2028, 0x2029:
		if e.html == asItIs || e.html == raw && e.rest >= lower {
			return e.rest
		}
		return e.html
	case '+', '\'':
		return e.plus
	}
	if r >= utf8.RuneSelf {
		return e.rest
	}
	if escaped && r >= ' ' && r != '"' && r != '\\' && e.rest == raw {
		return raw
	}
	return asItIs
}

func appendEscape(dst []byte, r rune, capitals bool) []byte {
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

// unicodeEscape reads \uXXXX, or two of them that are one character; size is 0
// if there is none.
func unicodeEscape(b []byte) (r rune, size int) {
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
	if low, ok := unit(b[6:]); ok {
		if r := utf16.DecodeRune(r, low); r != utf8.RuneError {
			return r, 12
		}
	}
	return 0, 0
}

// float writes a number as programs do that have only float64.
func float(dst, token []byte) []byte {
	f, err := strconv.ParseFloat(string(token), 64)
	if err != nil {
		return append(dst, token...)
	}
	format := byte('f')
	if abs := max(f, -f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(dst, f, format, -1, 64)
}

// point writes integers with a point.
func point(dst, token []byte) []byte {
	dst = append(dst, token...)
	if bytes.ContainsAny(token, ".eE") {
		return dst
	}
	return append(dst, ".0"...)
}

// pointAt writes only the nth integer so.
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

// exponent writes whole numbers that end in three zeros or more with one.
func exponent(e string) func(dst, token []byte) []byte {
	return func(dst, token []byte) []byte {
		digits := bytes.TrimRight(token, "0")
		zeros := len(token) - len(digits)
		if zeros < 3 || bytes.ContainsAny(token, ".eE") || len(bytes.TrimLeft(digits, "-")) == 0 {
			return append(dst, token...)
		}
		return strconv.AppendInt(append(append(dst, digits...), e...), int64(zeros), 10)
	}
}

// decimals writes two digits behind the point, as of money; whole says that
// integers get them as well.
func decimals(whole bool) func(dst, token []byte) []byte {
	return func(dst, token []byte) []byte {
		dst = append(dst, token...)
		i := bytes.IndexByte(token, '.')
		switch {
		case bytes.ContainsAny(token, "eE"):
		case i < 0 && whole:
			dst = append(dst, ".00"...)
		case i >= 0 && len(token)-i == 2:
			dst = append(dst, '0')
		}
		return dst
	}
}

// Orders need more than tokens: where each member begins and ends. It is a parser
// of that and of nothing else, which accepts much that is no JSON.

// object is a JSON object in a text: where its members stand, and the objects
// inside of each.
type object struct {
	start, end int
	members    []member
}

type member struct {
	start, end int
	key        []byte
	inner      []*object
}

// objects finds those of a text that are not inside of another one; ok is false
// if it is not well-formed enough.
func objects(src []byte) (all []*object, ok bool) {
	p := parser{src: src}
	for p.i < len(src) {
		if !p.value(&all, 0) {
			return nil, false
		}
		p.space()
	}
	return all, true
}

type parser struct {
	src []byte
	i   int
}

func (p *parser) space() {
	for p.i < len(p.src) && isSpace(p.src[p.i]) {
		p.i++
	}
}

func (p *parser) is(c byte) bool {
	p.space()
	if p.i < len(p.src) && p.src[p.i] == c {
		p.i++
		return true
	}
	return false
}

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

func (p *parser) value(into *[]*object, depth int) bool {
	p.space()
	if p.i >= len(p.src) || depth > maxDepth {
		return false
	}
	switch p.src[p.i] {
	case '"':
		return p.text()
	case '{':
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
		start := p.i
		for p.i < len(p.src) && inToken(p.src[p.i]) {
			p.i++
		}
		return p.i > start
	}
}

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
// says; what is between them stays.
func arrange(src []byte, all []*object, pick func(o *object) []int) []byte {
	return appendArranged(make([]byte, 0, len(src)), src, 0, len(src), all, pick)
}

func appendArranged(dst, src []byte, from, to int, inside []*object, pick func(o *object) []int) []byte {
	for _, o := range inside {
		dst = append(dst, src[from:o.start]...)
		from = o.start
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

// byKey is the sorted order of members.
func byKey(o *object) []int {
	order := make([]int, len(o.members))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return bytes.Compare(o.members[a].key, o.members[b].key) })
	return order
}

// walk visits an object and those inside.
func walk(all []*object, visit func(o *object)) {
	for _, o := range all {
		visit(o)
		for i := range o.members {
			walk(o.members[i].inner, visit)
		}
	}
}
