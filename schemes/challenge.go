package schemes

import (
	"encoding/json"
	"net/http"

	"github.com/hookonce/hookonce/core"
)

// Handshake says whether an endpoint answers a sender that proves nothing: anybody can ask, and learns that the endpoint
// exists.
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

// refused answers a handshake that may not be.
func refused(status int) *core.Answer {
	return &core.Answer{Status: status, Header: http.Header{
		"Content-Type": {"text/plain; charset=utf-8"}, "X-Content-Type-Options": {"nosniff"}, "Cache-Control": {"no-store"},
	}}
}

// textAt is the string at path of a body that was verified, escapes undone. It is empty if there is none.
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
