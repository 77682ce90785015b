package schemes

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"mime"
	"net/http"
	"slices"

	"github.com/hookonce/hookonce/core"
)

// Handshake says whether an endpoint answers a sender that proves nothing:
// anybody can ask, and learns that the endpoint exists.
type Handshake uint8

// The zero Handshake answers nothing.
const (
	IgnoreHandshakes Handshake = iota
	AnswerHandshakes
)

// maxChallenge bounds what is repeated of a request.
const maxChallenge = 4 << 10

// plain answers with text that no browser takes for something else.
func plain(text string) *core.Answer {
	return &core.Answer{Status: http.StatusOK, Header: http.Header{
		"Content-Type":           {"text/plain; charset=utf-8"},
		"X-Content-Type-Options": {"nosniff"},
		"Cache-Control":          {"no-store"},
	}, Body: []byte(text)}
}

// answerJSON answers with v.
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

// received answers a handshake that wants no more than a success.
func received() *core.Answer {
	return &core.Answer{Status: http.StatusOK, Header: http.Header{"Cache-Control": {"no-store"}}}
}

// refused answers a handshake that may not be.
func refused(status int) *core.Answer {
	return &core.Answer{Status: status, Header: http.Header{
		"Content-Type": {"text/plain; charset=utf-8"}, "X-Content-Type-Options": {"nosniff"}, "Cache-Control": {"no-store"},
	}}
}

// hasType says that a request is of this media type, whatever its parameters.
func hasType(h core.Header, want string) bool {
	values := lines(h, "Content-Type")
	if len(values) != 1 || values[0] == want {
		return len(values) == 1
	}
	got, _, err := mime.ParseMediaType(values[0])
	return err == nil && got == want
}

// bare says that a request has none of the headers of a signed message: no
// signature could cover it. It is false for a scheme that does not name them.
func bare(f core.Facts, h core.Header) bool {
	for _, family := range f.Headers {
		if slices.ContainsFunc(family, func(name string) bool { return len(h.Values(name)) > 0 }) {
			return false
		}
	}
	return len(f.Headers) > 0
}

// answeringKey also makes the answer to a challenge: the HMAC-SHA256 of a
// token.
type answeringKey struct {
	core.VerifyKey

	answer func(token string) []byte // a function, because fmt prints no more of one than its address
}

func answering(key core.VerifyKey, secret string) answeringKey {
	return answeringKey{key, func(token string) []byte {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(token))
		return mac.Sum(nil)
	}}
}

// isToken says that text is short and of letters, digits, - and _ alone. Only
// such a text is signed or repeated where somebody else chose it.
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

// tokenOf is the parameter of the query with this name, "" if it is there twice
// or may not be signed.
func tokenOf(r *core.Request, name string) string {
	q, ok := query(r)
	if token := q.Get(name); ok && len(q[name]) == 1 && isToken(token) {
		return token
	}
	return ""
}

// textAt is the string at path of a body that was verified, escapes undone. It
// is empty if there is none.
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
