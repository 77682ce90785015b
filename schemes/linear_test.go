//go:build !race

package schemes_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/testmode"
)

// TestAnUnverifiedRequestTakesLinearTime makes each text in a genuine request
// very long, since strangers may send that. The sender's secret is not needed
// for it, so the work must not grow faster than the text.
func TestAnUnverifiedRequestTakesLinearTime(t *testing.T) {
	if testmode.Brief() {
		t.Skip("it measures time: run `make long`")
	}
	const size, smaller, suspicious = 256 << 10, 8, 50 * time.Millisecond
	now := time.Unix(1_760_000_000, 0)
	patterns := []string{"&", "&a=", "=", ",", `\"`, "{", "%26"}
	requests := 0
	all := subjects()
	for name, s := range dividedSubjects() {
		scheme, err := s.template.Scheme()
		if err != nil {
			t.Fatal(err)
		}
		all[name] = subject{scheme, secret, stranger, s.sign}
	}
	for name, s := range all {
		v := ready(t, s.scheme, s.secret, now)
		least := func(r *core.Request) time.Duration {
			best := time.Hour
			for range 7 { // a busy machine makes runs longer, never shorter
				began := time.Now() //nolint:forbidigo // what it takes
				_, _ = v.Verify(t.Context(), r)
				if best = min(best, time.Since(began)); best < suspicious {
					break
				}
			}
			return best
		}
		genuine := s.sign(s.secret, "msg_1", now, []byte(`{"a":"b","c":"d"}`))
		for what, stretched := range stretch(genuine) {
			for _, p := range patterns {
				text := strings.Repeat(p, size/len(p))
				requests++
				long := least(stretched(text))
				if long < suspicious {
					continue
				}
				if short := least(stretched(text[:size/smaller/len(p)*len(p)])); long > 3*smaller*short {
					t.Errorf("%s with much of %q in %s takes %v, with an eighth of it %v", name, p, what, long, short)
				}
			}
		}
	}
	if requests < 10_000 {
		t.Errorf("only %d requests were tried", requests)
	}
}

var jsonString = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`) //nolint:gochecknoglobals // a constant

// stretch returns functions that put a text into a copy of a request: in place
// of the body, of a string in the body, of the value of a form field or of a
// header, and as the query.
func stretch(r *core.Request) map[string]func(text string) *core.Request {
	with := func(change func(c *core.Request, text string)) func(string) *core.Request {
		return func(text string) *core.Request {
			c := &core.Request{Method: r.Method, URL: r.URL, Header: asMap(r.Header).Clone(), Body: r.Body}
			change(c, text)
			return c
		}
	}
	body := string(r.Body)
	all := map[string]func(string) *core.Request{
		"the body":  with(func(c *core.Request, text string) { c.Body = []byte(text) }),
		"the query": with(func(c *core.Request, text string) { c.URL += "?" + text }),
	}
	for _, at := range jsonString.FindAllStringIndex(body, 40) {
		all["the body, instead of "+body[at[0]:at[1]]] = with(func(c *core.Request, text string) {
			c.Body = []byte(body[:at[0]+1] + text + body[at[1]-1:])
		})
	}
	fields := strings.Split(body, "&")
	for i, field := range fields {
		if name, _, ok := strings.Cut(field, "="); ok && !strings.Contains(name, `"`) {
			all["the field "+name] = with(func(c *core.Request, text string) {
				changed := slices.Clone(fields)
				changed[i] = name + "=" + text
				c.Body = []byte(strings.Join(changed, "&"))
			})
		}
	}
	for name, values := range asMap(r.Header) {
		all["the header "+name] = with(func(c *core.Request, text string) { asMap(c.Header)[name] = []string{values[0] + text} })
		all["lines of the header "+name] = with(func(c *core.Request, text string) {
			asMap(c.Header)[name] = append(slices.Clip(values), strings.SplitAfter(text, text[:1])...)
		})
	}
	return all
}
