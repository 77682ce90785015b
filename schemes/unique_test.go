package schemes_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/testmode"
	"github.com/hookonce/hookonce/schemes"
)

// TestNoTwoMessagesHaveOneSignedText generates many templates, and many
// requests for each accepted one. No two requests with different signed parts
// may have the same signed text, because one signature would fit both. Values
// and literals use the same few characters, so parts run into each other.
func TestNoTwoMessagesHaveOneSignedText(t *testing.T) {
	t.Parallel()
	built, requests := 0, 0
	for _, unit := range []schemes.Unit{schemes.ISO8601, schemes.UnixTime} {
		for _, content := range contents() {
			if unit == schemes.UnixTime && !strings.Contains(content, "{timestamp}") {
				continue // looked at with the other unit
			}
			more, signed := lookForTwoReadings(t, content, unit)
			built, requests = built+more, requests+signed
		}
	}
	if built < 20 || requests < 2_000 {
		t.Errorf("only %d templates and %d requests were looked at", built, requests)
	}
}

// lookForTwoReadings returns whether the template was accepted, and for how
// many requests.
func lookForTwoReadings(t *testing.T, content string, unit schemes.Unit) (built, requests int) {
	t.Helper()
	var bodies []string
	visible := allTexts("A.:", 2)[1:]
	template := schemes.Template{Name: "acme", Signature: schemes.Header("X-Signature"), Content: content}
	ids, targets, methods := []string{"x"}, []string{"/hook"}, []string{"POST"}
	values, stamps := []string{"x"}, []string{"1"}
	if strings.Contains(content, "{header:") || strings.Contains(content, "{nonce}") {
		values = visible
	}
	if strings.Contains(content, "{query:") {
		targets = nil
		for _, v := range visible {
			targets = append(targets, "/hook?q="+url.QueryEscape(v))
		}
	}
	if strings.Contains(content, "{timestamp}") {
		template.Timestamp, template.Unit, template.Stamping = schemes.Header("X-Time"), unit, core.StampedEachAttempt
		stamps = []string{"2026-11-28T10:00:00", "2026-11-28T10:00:00.5", "2026-11-28T10:00:00Z", "2026-11-28T10:00:00.5Z", "2026-11-28T10:00:00.55"}
		bodies = []string{"", ".5", ".5A", "5A", "Z", "ZA", "A", ":A", ".A"}
		if unit == schemes.UnixTime { // one moment in milliseconds, and one a minute later that is its last ten digits
			stamps = []string{"1801801861801", "1801861801", "1801861802"}
			bodies = []string{"", "180", "A180", ".180", "0", "01", "A", ":A"}
		}
	} else {
		bodies = allTexts("A.:\n", 3)
		if testmode.Brief() || strings.Count(content, "{") > 2 && (len(values) > 1 || len(targets) > 6) {
			bodies = allTexts("A.:\n", 2)
		}
	}
	if strings.Contains(content, "{nonce}") {
		template.Nonce = schemes.Header("X-Value")
	}
	if strings.Contains(content, "{id}") {
		template.ID, ids = schemes.Header("X-Id"), visible
	}
	if strings.Contains(content, "{url}") {
		template.URL, targets = "https://example.com/hook", []string{"/hook", "/hook?", "/hook?A", "/hook?A.A", "/hook?A:", "/hook?\nA"}
	}
	if strings.Contains(content, "{method}") {
		methods = []string{"POST", "POSTA", "POST.A", "A"}
	}
	s, err := template.Scheme()
	if err != nil {
		return 0, 0
	}
	seen := make(map[string]string)
	for _, id := range ids {
		for _, body := range bodies {
			for _, target := range targets {
				for _, method := range methods {
					for _, value := range values {
						for _, stamp := range stamps {
							r := request(body, "X-Signature", "00", "X-Id", id, "X-Value", value, "X-Time", stamp)
							r.Method, r.URL = method, target
							requests += check(t, s, content, r, seen)
						}
					}
				}
			}
		}
	}
	return 1, requests
}

// check reports an error if another request has the signed text of r. It
// returns 1 if r can be signed.
func check(t *testing.T, s core.Scheme, content string, r *core.Request, seen map[string]string) int {
	t.Helper()
	var a core.Attempt
	if s.ReadHeader(r, &a) != nil || s.ReadBody(r, &a) != nil {
		return 0
	}
	message := fmt.Sprintf("%s %q, id %q, value %q, time %q, body %q", r.Method, strings.TrimSuffix(r.URL, "?"), a.ID, r.Header.Get("X-Value"),
		r.Header.Get("X-Time"), r.Body)
	if other := seen[string(a.Content.Bytes())]; other != "" && other != message { // an empty query says nothing
		t.Fatalf("%q: one signature fits %s and %s", content, other, message)
	}
	seen[string(a.Content.Bytes())] = message
	return 1
}

// allTexts returns all texts of up to most of these characters, the empty one
// first.
func allTexts(characters string, most int) []string {
	all := []string{""}
	for from := 0; most > 0; most-- {
		to := len(all)
		for _, text := range all[from:to] {
			for _, c := range characters {
				all = append(all, text+string(c))
			}
		}
		from = to
	}
	return all
}

// contents returns two or three parts in every order, with every text between.
func contents() []string {
	var all []string
	between := []string{"", ".", "..", ".:.", "A", "\n"}
	for _, order := range [][]string{
		{"id", "body"},
		{"body", "id"},
		{"method", "body"},
		{"body", "method"},
		{"url", "body"},
		{"body", "url"},
		{"method", "id", "body"},
		{"id", "method", "body"},
		{"id", "body", "method"},
		{"method", "body", "id"},
		{"body", "method", "id"},
		{"url", "id", "body"},
		{"id", "url", "body"},
		{"id", "body", "url"},
		{"url", "body", "id"},
		{"body", "url", "id"},
		{"method", "url", "body"},
		{"header:X-Value", "body"},
		{"body", "header:X-Value"},
		{"query:q", "body"},
		{"body", "query:q"},
		{"header:X-Value", "query:q", "body"},
		{"id", "header:X-Value", "body"},
		{"id", "body", "header:X-Value"},
		{"body", "id", "header:X-Value"},
		{"method", "header:X-Value", "body"},
		{"header:X-Value", "method", "body"},
		{"timestamp", "body"},
		{"body", "timestamp"},
		{"timestamp", "nonce", "body"},
		{"nonce", "timestamp", "body"},
		{"nonce", "body", "timestamp"},
		{"timestamp", "body", "nonce"},
		{"body", "nonce", "timestamp"},
	} {
		texts := []string{"{" + order[0] + "}"}
		for _, part := range order[1:] {
			var longer []string
			for _, text := range texts {
				for _, b := range between {
					longer = append(longer, text+b+"{"+part+"}")
				}
			}
			texts = longer
		}
		all = append(all, texts...)
	}
	return all
}
