package schemes

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/hookonce/hookonce/core"
)

// Handshake says whether an endpoint responds to handshakes that do not
// authenticate their sender. If it does, anyone can send a handshake and
// discover that the endpoint exists.
type Handshake uint8

// The zero Handshake responds to no such handshake.
const (
	IgnoreHandshakes Handshake = iota
	AnswerHandshakes
)

// maxChallenge limits how many bytes of a request a response repeats.
const maxChallenge = 4 << 10

// plain returns a response with a text. The headers prevent browsers from
// interpreting the text as HTML, since a stranger may have chosen it.
func plain(text string) *core.Answer {
	return &core.Answer{Status: http.StatusOK, Header: http.Header{
		"Content-Type":           {"text/plain; charset=utf-8"},
		"X-Content-Type-Options": {"nosniff"},
		"Cache-Control":          {"no-store"},
	}, Body: []byte(text)}
}

// answerJSON returns a response with v as JSON, or nil if v cannot be encoded.
func answerJSON(v any) *core.Answer {
	body, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return &core.Answer{Status: http.StatusOK, Header: http.Header{
		"Content-Type":           {"application/json"},
		"X-Content-Type-Options": {"nosniff"},
		"Cache-Control":          {"no-store"},
	}, Body: body}
}

// received returns an empty 200 response, for a handshake that needs nothing
// else.
func received() *core.Answer {
	return &core.Answer{Status: http.StatusOK, Header: http.Header{"Cache-Control": {"no-store"}}}
}

// refused returns an error response to a handshake that is not allowed.
func refused(status int) *core.Answer {
	return &core.Answer{Status: status, Header: http.Header{
		"Content-Type": {"text/plain; charset=utf-8"}, "X-Content-Type-Options": {"nosniff"}, "Cache-Control": {"no-store"},
	}}
}

// hasType reports whether a request has this media type, with any parameters.
// The header is not signed. It must be in lower case, as senders write it,
// because parsers of forms differ in whether they accept another case.
func hasType(h core.Header, want string) bool {
	values := lines(h, "Content-Type")
	if len(values) != 1 || values[0] == want {
		return len(values) == 1
	}
	got, _, err := mime.ParseMediaType(values[0])
	return err == nil && got == want && strings.HasPrefix(values[0], want)
}

// bare reports whether a request has none of a signed message's headers. Such a
// request cannot be a message with a damaged signature. bare is false for a
// scheme that does not list its headers.
func bare(f core.Facts, h core.Header) bool {
	for _, family := range f.Headers {
		if slices.ContainsFunc(family, func(name string) bool { return len(h.Values(name)) > 0 }) {
			return false
		}
	}
	return len(f.Headers) > 0
}

// answeringKey is a key that also computes the response to a challenge: the
// HMAC-SHA256 of a token.
type answeringKey struct {
	core.VerifyKey

	answer func(token string) []byte // a function, because fmt prints only a function's address
}

func answering(key core.VerifyKey, secret string) answeringKey {
	return answeringKey{key, func(token string) []byte {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(token))
		return mac.Sum(nil)
	}}
}

// isToken reports whether text is short and contains only letters, digits, -
// and _. A text that a stranger chose may be signed or repeated only if it is
// such a token, since a token cannot be a message, a header or markup.
func isToken(text string) bool {
	if text == "" || len(text) > 128 {
		return false
	}
	for i := range len(text) {
		c := text[i]
		if c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// tokenOf returns the query parameter with this name. It returns "" if the
// parameter occurs twice or is not a token.
func tokenOf(r *core.Request, name string) string {
	q, ok := query(r)
	if token := q.Get(name); ok && len(q[name]) == 1 && isToken(token) {
		return token
	}
	return ""
}

// textAt returns the unescaped string at path of a verified body, or "" if
// there is none. It parses the whole body, so call it only after verification.
func textAt(body []byte, path ...string) string {
	var v any
	if json.Unmarshal(body, &v) != nil {
		return ""
	}
	for _, name := range path {
		object, _ := v.(map[string]any)
		v = object[name]
	}
	text, _ := v.(string)
	return text
}
