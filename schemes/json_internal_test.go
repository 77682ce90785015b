package schemes //nolint:testpackage // the scanner is nobody else's business

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestFindSeesWhatAParserSees(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 100)
	tests := []struct{ body, path, want string }{
		{`{"id":"a"}`, "id", "a"},
		{` { "id" : "a" } `, "id", "a"},
		{`{"x":{"id":"no"},"id":"a"}`, "id", "a"},
		{`{"x":[{"id":"no"},["id","no"]],"id":"a"}`, "id", "a"},
		{`{"x":"\"id\":\"no\"","id":"a"}`, "id", "a"},
		{`{"x":"\\","id":"a"}`, "id", "a"},
		{`{"x":"` + long + `\\\"` + long + `","id":"a"}`, "id", "a"},
		{`{"x":"` + strings.Repeat("x", 23) + `\"","id":"a"}`, "id", "a"},
		{`{"x":"}]{[,","id":"a"}`, "id", "a"},
		{`{"x":1.5e3,"y":null,"z":true,"id":"a"}`, "id", "a"},
		{`{"x":{},"y":[],"id":"a"}`, "id", "a"},
		{`{"event":{"x":1,"id":"a"}}`, "event.id", "a"},
		{`{"at":1700000000000}`, "at", "1700000000000"},
		{`{"at":1700000000000,"x":1}`, "at", "1700000000000"},
		{`{"id":""}`, "id", ""},
	}
	for _, tt := range tests {
		if !json.Valid([]byte(tt.body)) {
			t.Fatalf("%s is no JSON", tt.body)
		}
		if got, ok := find([]byte(tt.body), strings.Split(tt.path, ".")); !ok || string(got) != tt.want {
			t.Errorf("%.60s: %q, %t", tt.body, got, ok)
		}
	}
	for _, body := range []string{
		"", "{", `{"id"`, `{"id":`, `{"id":"a`, `{"id":"a\"`, `{"i\u0064":"a"}`, `{"id":"\u0061"}`, `{"id":{}}`, `{"id":null}`, `{"id":true}`, `["id","a"]`,
		`"id"`, `{"x":{"id":"a"}}`, `{"ID":"a"}`, `{"id":12`, "\x00", strings.Repeat("[", 1000), strings.Repeat(`{"a":`, 1000),
	} {
		if got, ok := find([]byte(body), []string{"id"}); ok {
			t.Errorf("%.60s: found %q", body, got)
		}
	}
}

// FuzzFind: in whatever encoding/json takes for an object, a string or number that it finds is found, and the same.
func FuzzFind(f *testing.F) {
	for _, s := range []string{`{"id":"a"}`, `{"x":{"id":"no"},"id":"a"}`, `{"x":"\\\"","id":1}`, `{"id":[1]}`, "{", `{"a":1,"id":"x","id":"y"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, ok := find(body, []string{"id"})
		var parsed map[string]json.RawMessage
		if json.Unmarshal(body, &parsed) != nil || strings.Count(string(body), "id") != 1 {
			return // no object, or several of the name: the first and the last may differ
		}
		raw, there := parsed["id"]
		var text string
		isText := json.Unmarshal(raw, &text) == nil && there && string(raw) != "null"
		switch {
		case isText && !strings.Contains(string(raw), `\`):
			if !ok || string(got) != string(raw[1:len(raw)-1]) {
				t.Fatalf("%q: %q, %t", body, got, ok)
			}
		case ok && string(got) != string(raw):
			t.Fatalf("%q: %q instead of %q", body, got, raw)
		}
	})
}

func TestAStringOfEscapesCostsNoMoreThanItsLength(t *testing.T) {
	t.Parallel()
	for _, escape := range []string{`\u00e9`, `\"`, `\\`} {
		body := []byte(`{"a":"` + strings.Repeat(escape, 4<<20/len(escape)) + `","id":"x"}`)
		started := time.Now()
		if id, ok := find(body, []string{"id"}); !ok || string(id) != "x" {
			t.Errorf("behind %d of %s the id is %q", len(body), escape, id)
		}
		if took := time.Since(started); took > 2*time.Second {
			t.Errorf("4 MiB of %s took %v", escape, took)
		}
	}
}
