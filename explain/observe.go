package explain

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/hookonce/hookonce/core"
)

// observe reports only facts that are visible without a matching signature,
// never mere possibilities. The most certain and most harmful observations come
// first. The first observer that finds something ends the search: if the body
// is missing, the spelling of the address does not matter.
func (s *search) observe(err error) []Finding {
	return s.firstOf(err, []observer{
		s.observeMethod, s.observeRefusal, s.observeFetched, s.observeParsed, s.observeOther, s.observeSecrets, s.observeHeaders, s.observeBody,
		s.observeRewritten, s.observeAddress, s.observeStyle, observeSettings,
	})
}

// observeChange reports how a body was changed, after a digest has proven that
// it was.
func (s *search) observeChange() []Finding {
	return s.firstOf(nil, []observer{s.observeMethod, s.observeRefusal, s.observeParsed, s.observeBody, s.observeRewritten, s.observeStyle})
}

// observer calls add for each mistake that it sees. err is the verifier's
// error. An empty text means the text of the table.
type observer func(err error, add func(Mistake, string))

// firstOf returns the findings of the first observer that has any.
func (s *search) firstOf(err error, looks []observer) (all []Finding) {
	for _, look := range looks {
		if look(err, func(m Mistake, what string) { all = append(all, step{m, what}.finding(false)) }); len(all) > 0 {
			return all
		}
	}
	return nil
}

// observeRefusal uses the verifier's error, and whether there is a body.
func (s *search) observeRefusal(err error, add func(Mistake, string)) {
	body := s.req.Body
	length := s.contentLength()
	switch {
	case errors.Is(err, core.ErrBodyConsumed):
		add(bodyConsumed, s.leftOver())
	// If an announced body is missing, other code read it.
	case len(body) == 0 && length > 0:
		add(bodyConsumed, "the body is empty, but Content-Length is "+strconv.FormatInt(length, 10)+": something read or dropped the body earlier")
	case len(body) == 0 && length <= 0 && asMap(s.req.Header).Get("Content-Type") != "" && s.tried > 0:
		add(bodyConsumed, "the body is empty, but the request has a Content-Type: something read or dropped the body earlier, or the sender sent no body")
	// Without the verifier's error, compare the sizes.
	case int64(len(body)) > s.config.MaxBody:
		add(bodyTooLarge, "")
	case errors.Is(err, core.ErrBodyTooLarge):
		add(bodyTooLarge, s.tooLarge(err))
	case errors.Is(err, core.ErrKeysUnavailable):
		add(keysUnavailable, "")
	case errors.Is(err, core.ErrUnknownSource):
		add(unknownSource, "")
	}
}

// leftOver says how much of a consumed body is left. It returns "" if nothing
// is left.
func (s *search) leftOver() string {
	if n := len(s.req.Body); n > 0 {
		return "something read or changed the body before the verification: " + strconv.Itoa(n) + " bytes are left, but they are not what was sent"
	}
	return ""
}

// tooLarge distinguishes a limit upstream of the verifier from Config.MaxBody.
// People often raise the wrong limit first.
func (s *search) tooLarge(err error) string {
	var upstream *http.MaxBytesError
	switch {
	// The error names the limit that was exceeded. A limit larger than ours cannot have been the
	// cause.
	case errors.As(err, &upstream) && upstream.Limit < s.config.MaxBody:
		return "a limit upstream of the verifier (http.MaxBytesReader with " + strconv.FormatInt(upstream.Limit, 10) + " bytes) cut off the body: raise " +
			"that limit. Config.MaxBody allows " + strconv.FormatInt(s.config.MaxBody, 10)
	case s.contentLength() >= 0 && s.contentLength() <= s.config.MaxBody:
		return "Content-Length is " + strconv.FormatInt(s.contentLength(), 10) + " bytes, which Config.MaxBody allows: a smaller limit upstream of the " +
			"verifier, such as http.MaxBytesReader, cut off the body"
	default:
		return ""
	}
}

// observeSettings reports a misconfigured receiver. It comes last: the
// verifier's error already names the setting.
func observeSettings(err error, add func(Mistake, string)) {
	if errors.Is(err, core.ErrMisconfigured) {
		add(misconfigured, "")
	}
}

// contentLength returns the announced length of the body, or -1 if it is
// missing or not a number.
func (s *search) contentLength() int64 {
	n, err := strconv.ParseInt(asMap(s.req.Header).Get("Content-Length"), 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// observeBody reports a body that was decompressed, has another length than
// announced, or ends early. Complete JSON of another length was rewritten, not
// truncated.
func (s *search) observeBody(_ error, add func(Mistake, string)) {
	length := s.contentLength()
	body := s.req.Body
	size := strconv.Itoa(len(body)) + " bytes"
	switch {
	// This comes first: a decompressed body also has another length than announced.
	case s.isDecompressed():
		add(bodyDecompressed, "Content-Encoding says that the body is compressed, but the body is not: if the sender signed the compressed bytes, as most do, "+
			"those bytes cannot be restored")
	case length >= 0 && length != int64(len(body)) && looksLikeJSON(body) && json.Valid(body):
		add(bodyReformatted, "the JSON in the body is complete, but has "+size+", and Content-Length is "+strconv.FormatInt(length, 10)+": something "+
			"re-encoded the JSON or trimmed white space around it")
	case length > int64(len(body)):
		add(bodyTruncated, "the body has "+size+", but Content-Length is "+strconv.FormatInt(length, 10))
	default:
		observeEnd(body, length >= 0, add)
	}
}

// observeEnd reports a body that seems truncated. If the body has the announced
// length, a length that is a usual limit is not enough: the body must also end
// inside JSON.
func observeEnd(body []byte, announced bool, add func(Mistake, string)) {
	size := strconv.Itoa(len(body)) + " bytes"
	switch {
	case isLimit(len(body)) && looksLikeJSON(body) && !endsWhole(body):
		add(bodyTruncated, "the body has exactly "+size+", a common limit, and its end does not match its beginning")
	// In other formats the end shows nothing, so only an unannounced length that is a usual limit
	// counts.
	case isLimit(len(body)) && !looksLikeJSON(body) && !announced:
		add(bodyTruncated, "the body has exactly "+size+", where buffers and proxies often cut off bodies")
	case !announced && endsInside(body):
		add(bodyTruncated, "the JSON in the body ends prematurely, after "+size)
	}
}

// isDecompressed reports whether the body is plain although a header says that
// it is compressed.
func (s *search) isDecompressed() bool {
	encoding := strings.ToLower(asMap(s.req.Header).Get("Content-Encoding"))
	return encoding != "" && encoding != "identity" && (looksLikeJSON(s.req.Body) || looksLikeForm(s.req.Body))
}

// isLimit recognizes the sizes at which buffers and proxies truncate: powers of
// two, one less than these, and the defaults of common servers and gateways.
func isLimit(n int) bool {
	// Small powers of two are frequent lengths of honest bodies.
	return n >= 1024 && (n&(n-1) == 0 || n&(n+1) == 0 || slices.Contains([]int{
		10_000, 10 << 10, 64_000, 100_000, 100 << 10, 128_000, 200_000, 250_000, 256_000, 500_000, 500 << 10, 1_000_000, 5_000_000, 5 << 20,
		6_000_000, 6 << 20, 10_000_000, 10 << 20,
	}, n))
}

// endsWhole reports whether JSON ends with the bracket that matches its
// beginning.
func endsWhole(body []byte) bool {
	b := bytes.TrimSpace(body)
	return len(b) > 1 && (b[0] == '{' && b[len(b)-1] == '}' || b[0] == '[' && b[len(b)-1] == ']')
}

// endsInside reports whether JSON was truncated, not merely damaged: it must
// end inside a string that contains no bracket, or at least two levels deep. A
// wrong quote somewhere also leaves a string open, but then the rest of the
// JSON, with its brackets, seems to be in it.
func endsInside(body []byte) bool {
	// Very short texts are no evidence of anything.
	if len(body) < 16 || !looksLikeJSON(body) || endsWhole(body) {
		return false
	}
	depth := 0
	for i := 0; i < len(body); i++ {
		switch body[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '"':
			end := endOfString(body, i+1)
			if end < 0 {
				return depth > 0 && !bytes.ContainsAny(body[i:], "}],:")
			}
			i = end - 1
		}
		// More brackets closed than opened: damaged, not truncated.
		if depth < 0 {
			return false
		}
	}
	// A truncated text ends inside at least two levels, and not after a bracket or white space.
	last := body[len(body)-1]
	return depth >= 2 && last != '}' && last != ']' && !isSpace(last)
}

// printable returns a name that fits on one line of a log.
func printable(name string) string { return oneLine(name, 64) }

// oneLine makes a text from outside safe for one line. It replaces characters
// that could forge a log line or control a terminal, and truncates after at
// most longest bytes, between two characters.
func oneLine(text string, longest int) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, strings.ReplaceAll(text, "\n", "; "))
	// Truncating bytes may split a character. ToValidUTF8 drops the rest of it.
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "…"
	}
	return text
}
