package schemes

import (
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hookonce/hookonce/core"
)

// Hygraph returns the scheme for Hygraph webhooks. In the Gcms-Signature
// header, t is the timestamp in milliseconds, env is the environment, and sign
// is the signature. The signature is the base64-encoded HMAC-SHA256 of a JSON
// object that contains the body as a string, env and t. No id is signed, so
// each attempt counts as a separate message.
//
// Source: www.npmjs.com/package/@hygraph/utils/v/1.2.1, as of November 2026.
func Hygraph() core.Scheme {
	return hygraph{must(Template{
		Name: "hygraph", Signature: Header(hygraphHeader), List: ",", Label: "sign=", Encoding: core.Base64,
		Timestamp: Entry(hygraphHeader, "t"), Unit: Milliseconds, Stamping: core.StampedEachAttempt,
		Content: "{body}{timestamp}", // only for the checks; see ReadBody
	})}
}

const hygraphHeader = "Gcms-Signature"

type hygraph struct{ *templated }

// Facts implements [core.Describer].
func (s hygraph) Facts() core.Facts {
	f := s.facts(s, s.prepare)
	// Wrap Sign only to put the entries in the order that Hygraph's library requires.
	sign := f.Sign
	f.Sign = func(r *core.Request, id string, at time.Time, secrets ...string) error {
		if err := sign(r, id, at, secrets...); err != nil {
			return err
		}
		h, _ := r.Header.(http.Header)
		entries := strings.Split(h.Get(hygraphHeader), ",")
		slices.Sort(entries)                                                      // env, sign, t
		entries[0], entries[len(entries)-2] = entries[len(entries)-2], entries[0] // Hygraph's library requires this order
		h.Set(hygraphHeader, strings.Join(entries, ", "))
		return nil
	}
	return f
}

func (s hygraph) ReadBody(r *core.Request, a *core.Attempt) error {
	field := Entry(hygraphHeader, "env")
	env, err := field.inHeader(r.Header, s.t.List)
	if err != nil {
		return err
	}
	stamp, err := s.t.Timestamp.inHeader(r.Header, s.t.List)
	if err != nil {
		return err
	}
	// JavaScript replaces invalid UTF-8, so two bodies would have one signed text.
	if !visible(env) {
		return malformed("env in " + hygraphHeader + " must be 1 to 256 printable ASCII characters without spaces")
	}
	if !utf8.Valid(r.Body) {
		return malformed("the body is not UTF-8")
	}
	a.Content.WriteString(`{"Body":`)
	a.Content.WriteBody(appendJSONString(make([]byte, 0, len(r.Body)+len(r.Body)/8+2), string(r.Body)))
	a.Content.WriteString(`,"EnvironmentName":`)
	_, _ = a.Content.Write(appendJSONString(nil, env)) // it never fails
	a.Content.WriteString(`,"TimeStamp":`)
	a.Content.WriteTime(stamp)
	a.Content.WriteString("}")
	return nil
}

// prepare adds the environment, which is signed too.
func (hygraph) prepare(s *signing) { s.entries = append(s.entries, "env=master") }

// appendJSONString appends valid UTF-8 as JSON.stringify in JavaScript does.
// JSON.stringify escapes less than package encoding/json, and the signature
// covers the difference.
func appendJSONString(dst []byte, text string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := range len(text) {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, `\n`...)
		case c == '\r':
			dst = append(dst, `\r`...)
		case c == '\t':
			dst = append(dst, `\t`...)
		case c == '\b':
			dst = append(dst, `\b`...)
		case c == '\f':
			dst = append(dst, `\f`...)
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
