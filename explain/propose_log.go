package explain

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A body that was copied from a log, a debugger or a web page is escaped as in that place. Each of
// these functions undoes one way of escaping, and returns nil for other bodies. A signature decides
// whether the result is right, so the functions may be generous: a body that only looks like a log
// is not reported.

// logged returns the changes that undo what logs and debuggers do to a body.
func logged() []change {
	// All are one mistake. The text names the way of escaping.
	in := func(what string, needs func(b []byte) bool, do func(b []byte) []byte) change {
		return change{bodyLogged, "the body has the form in which a log writes it: " + what, rewriteCost, do, needs}
	}
	return []change{
		in(`with quotes and control characters as \xHH, as nginx and Apache do`, hasEscapes, fromHexEscapes),
		in(`with the escapes of a JSON string, but without its quotes, as nginx's escape=json does`, hasEscapes, fromBareJSONString),
		in("as Python prints bytes or text", isPythonLiteral, fromPython),
		in("with HTML entities", func(b []byte) bool { return bytes.IndexByte(b, '&') >= 0 }, fromEntities),
		in("in hexadecimal", isHexadecimal, fromHexadecimal),
		in("percent-encoded", func(b []byte) bool { return bytes.IndexByte(b, '%') >= 0 }, fromPercent),
		in("as a list of byte values", isByteList, fromByteList),
	}
}

// hasEscapes reports whether there is a backslash, which is fast to check.
func hasEscapes(b []byte) bool { return bytes.IndexByte(b, '\\') >= 0 }

// fromHexEscapes decodes \xHH and the short escapes of C. A backslash that
// begins no escape is kept: Apache escapes only some characters.
func fromHexEscapes(b []byte) []byte {
	dst, changed := make([]byte, 0, len(b)), false
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' || i+1 == len(b) {
			dst = append(dst, b[i])
			continue
		}
		// A backslash that escapes nothing is text.
		plain, size := unescape(b[i+1:])
		if size == 0 {
			dst = append(dst, b[i])
			continue
		}
		dst, changed = append(dst, plain), true
		i += size
	}
	// Without an escape the body was not written this way.
	if !changed {
		return nil
	}
	return dst
}

// unescape decodes the text after a backslash in C, Python and server logs.
// size is 0 if the text is not an escape.
func unescape(b []byte) (plain byte, size int) {
	switch c := b[0]; c {
	case '\\', '"', '\'':
		return c, 1
	case 'n', 'r', 't':
		return map[byte]byte{'n': '\n', 'r': '\r', 't': '\t'}[c], 1
	case 'x':
		var one [1]byte
		if len(b) < 3 {
			return 0, 0
		}
		// Both digits must be hexadecimal, otherwise \x is text.
		if _, err := hex.Decode(one[:], b[1:3]); err != nil {
			return 0, 0
		}
		return one[0], 3
	}
	return 0, 0
}

// fromBareJSONString decodes the content of a JSON string whose quotes were
// lost.
func fromBareJSONString(b []byte) []byte {
	if bytes.HasPrefix(b, []byte(`"`)) {
		return nil // a string with quotes is bodyWrapped
	}
	// The decoder of JSON strings does the work once the quotes are back.
	var text string
	if json.Unmarshal(append(append([]byte{'"'}, b...), '"'), &text) != nil || text == string(b) {
		return nil
	}
	return []byte(text)
}

// isPythonLiteral recognizes b'…', b"…" and '…'. It excludes "…", which is a
// JSON string.
func isPythonLiteral(b []byte) bool {
	b = bytes.TrimSpace(b)
	rest := bytes.TrimPrefix(b, []byte("b"))
	if len(rest) < 2 || rest[0] != rest[len(rest)-1] {
		return false
	}
	// Double quotes count only after b: without it this is a JSON string.
	return rest[0] == '\'' || rest[0] == '"' && len(rest) < len(b)
}

// fromPython decodes such a literal. A literal without escapes loses only its
// quotes.
func fromPython(b []byte) []byte {
	b = bytes.TrimPrefix(bytes.TrimSpace(b), []byte("b"))
	inner := b[1 : len(b)-1]
	if plain := fromHexEscapes(inner); plain != nil {
		return plain
	}
	return bytes.Clone(inner)
}

// fromEntities decodes HTML entities, as in a body copied from the source of a
// page.
func fromEntities(b []byte) []byte {
	text := html.UnescapeString(string(b))
	if text == string(b) {
		return nil
	}
	return []byte(text)
}

// isHexadecimal recognizes plain hexadecimal, also after the \x or 0x that SQL
// databases print. It checks only the beginning: decoding checks the rest.
func isHexadecimal(b []byte) bool {
	b = bytes.TrimSpace(b)
	// PostgreSQL prints \x, SQL Server and MySQL 0x.
	b = bytes.TrimPrefix(bytes.TrimPrefix(b, []byte(`\x`)), []byte("0x"))
	return len(b) >= 8 && len(b)%2 == 0 && len(bytes.Trim(b[:min(len(b), 64)], "0123456789abcdefABCDEF")) == 0
}

// fromHexadecimal decodes such a body.
func fromHexadecimal(b []byte) []byte {
	b = bytes.TrimSpace(b)
	b = bytes.TrimPrefix(bytes.TrimPrefix(b, []byte(`\x`)), []byte("0x"))
	plain := make([]byte, hex.DecodedLen(len(b)))
	if _, err := hex.Decode(plain, b); err != nil {
		return nil
	}
	return plain
}

// fromPercent decodes percent-encoding in the whole body, for a form that was
// only partly decoded, or a body that was put into a URL. JSON stays unchanged,
// because a % in it is text.
func fromPercent(b []byte) []byte {
	if looksLikeJSON(b) {
		return nil
	}
	// A path keeps +, but a query turns it into a space. Try the path first.
	text, err := url.PathUnescape(string(b))
	if err != nil || text == string(b) || !utf8.ValidString(text) {
		return nil
	}
	// In a query a space may be written as +. If decoding left no space, the + probably was one.
	if spaced, err := url.QueryUnescape(string(b)); err == nil && bytes.IndexByte(b, '+') >= 0 && !strings.Contains(text, " ") {
		return []byte(spaced)
	}
	return []byte(text)
}

// isByteList recognizes a list of byte values: [123 34 97] as Go prints it, the
// same with commas, and a Node.js Buffer as JSON.
func isByteList(b []byte) bool {
	b = bytes.TrimSpace(b)
	return bytes.HasPrefix(b, []byte(`{"type":"Buffer"`)) || len(b) > 2 && b[0] == '[' && b[1] >= '0' && b[1] <= '9'
}

// fromByteList reads the numbers. It returns nil if one of them is not a byte.
func fromByteList(b []byte) []byte {
	from, to := bytes.IndexByte(b, '['), bytes.IndexByte(b, ']')
	if from < 0 || to < from {
		return nil
	}
	fields := bytes.FieldsFunc(b[from+1:to], func(r rune) bool { return r == ' ' || r == ',' })
	plain := make([]byte, 0, len(fields))
	for _, f := range fields {
		// Eight bits: a larger number is not a byte.
		n, err := strconv.ParseUint(string(f), 10, 8)
		if err != nil {
			return nil
		}
		plain = append(plain, byte(n))
	}
	return plain
}
