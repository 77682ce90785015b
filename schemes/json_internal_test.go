package schemes //nolint:testpackage // the scanner is nobody else's business

import (
	"bytes"
	"encoding/json"
	"strconv"
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
		{`["a"]`, "0", "a"},
		{` [ "a" , "b" ] `, "1", "b"},
		{`[{"id":"no"},{"x":[1,{}],"id":"a"}]`, "1.id", "a"},
		{`{"events":[{"id":"a"}]}`, "events.0.id", "a"},
		{`{"events":[[1,2],["no","a"]]}`, "events.1.1", "a"},
		{`{"x":"]","events":["no,","a"]}`, "events.1", "a"},
		{`[0,1,2,3,4,5,6,7,8,9,10,11]`, "11", "11"},
		{`{"0":"a"}`, "0", "a"},
		{`{"00":"a","0":"no"}`, "00", "a"},
		{`{"events":{"0":{"id":"a"}}}`, "events.0.id", "a"},
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
	for _, tt := range []struct{ body, path string }{
		{`[]`, "0"},
		{`["a"]`, "1"},
		{`["a",]`, "1"},
		{`["a"`, "1"},
		{`["a"]`, "00"},
		{`["a"]`, "-0"},
		{`["a"]`, "+0"},
		{`["a"]`, ""},
		{`["a"]`, "id"},
		{`[{"id":"a"}]`, "id"},
		{`{"a":"b"}`, "0"},
		{`{"events":"a"}`, "events.0"},
		{`[["a"]]`, "0"},
		{`["a"]`, "1000000"},
		{`["a"]`, "99999999999999999999"},
	} {
		if got, ok := find([]byte(tt.body), strings.Split(tt.path, ".")); ok {
			t.Errorf("%s has %q at %q", tt.body, got, tt.path)
		}
	}
}

func TestSeveralEventsAreSeen(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		body, path string
		want       bool
	}{
		{`[{"id":"a"}]`, "0.id", false},
		{`[{"id":"a"},{}]`, "0.id", true},
		{`[{"id":"a"},{"id":"b"}]`, "1.id", true},
		{`[{"id":"a"}]`, "1.id", false}, // there is no such event
		{`[]`, "0.id", false},
		{`{"events":[{"x":"},{","id":"a"}]}`, "events.0.id", false},
		{`{"events":[{"x":"},{","id":"a"} , {}]}`, "events.0.id", true},
		{`{"events":[{"parts":[{"id":"a"},{"id":"b"}]}]}`, "events.0.parts.0.id", true},
		{`{"events":[{"parts":[{"id":"a"}]},1]}`, "events.0.parts.0.id", true},
		{`{"events":{"0":{"id":"a"},"1":{"id":"b"}}}`, "events.0.id", false}, // an object has one
		{`{"id":"a","others":[1,2]}`, "id", false},
	} {
		if got := several([]byte(tt.body), strings.Split(tt.path, ".")); got != tt.want {
			t.Errorf("%s, %s: %t", tt.body, tt.path, got)
		}
	}
}

// FuzzFindInArrays checks paths through arrays in all JSON that encoding/json
// accepts: find agrees with a parser, and sees further elements.
func FuzzFindInArrays(f *testing.F) {
	for _, s := range []string{
		`[{"id":"a"}]`, `[{"id":"a"},{"id":"b"}]`, `[[],{"id":1}]`, `{"0":{"id":"x"}}`, `[]`, `[,]`, `[{"x":[{"id":"n"}],"id":"a"}]`, `["]",{"id":"a"}]`,
		`{"1":{"id":"x"},"0":2}`, `[1 ,{ "id" : "a" } ]`,
	} {
		f.Add([]byte(s), uint8(0))
		f.Add([]byte(s), uint8(1))
	}
	f.Fuzz(func(t *testing.T, body []byte, index uint8) {
		name := strconv.Itoa(int(index))
		path := []string{name, "id"}
		got, ok := find(body, path)
		others := several(body, path)
		var array []json.RawMessage
		var element map[string]json.RawMessage
		if json.Unmarshal(body, &array) != nil || array == nil {
			if others && json.Valid(body) {
				t.Fatalf("%q is no array, but has several", body)
			}
			return
		}
		if there := int(index) < len(array); others != (there && len(array) > 1) {
			t.Fatalf("%q, %d: several is %t", body, index, others)
		} else if !there {
			if ok {
				t.Fatalf("%q has no element %d: %q", body, index, got)
			}
			return
		}
		if json.Unmarshal(array[index], &element) != nil || bytes.Count(array[index], []byte("id")) != 1 {
			return // no object, or several of the name
		}
		raw, there := element["id"]
		var text string
		switch {
		case there && json.Unmarshal(raw, &text) == nil && string(raw) != "null" && !strings.Contains(string(raw), `\`):
			if !ok || string(got) != string(raw[1:len(raw)-1]) {
				t.Fatalf("%q: %q, %t", body, got, ok)
			}
		case ok && string(got) != string(raw) && string(got) != strings.Trim(string(raw), `"`):
			t.Fatalf("%q: %q instead of %q", body, got, raw)
		}
	})
}

// FuzzFind checks that find returns every string and number that encoding/json
// finds in an object, and the same one.
func FuzzFind(f *testing.F) {
	for _, s := range []string{`{"id":"a"}`, `{"x":{"id":"no"},"id":"a"}`, `{"x":"\\\"","id":1}`, `{"id":[1]}`, "{", `{"a":1,"id":"x","id":"y"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, ok := find(body, []string{"id"})
		whole, present := findValue(body, []string{"id"})
		var parsed map[string]json.RawMessage
		if json.Unmarshal(body, &parsed) != nil || strings.Count(string(body), "id") != 1 {
			return // no object, or several of the name: the first and the last may differ
		}
		raw, there := parsed["id"]
		if present != there || present && string(whole) != string(raw) {
			t.Fatalf("%q: the whole value is %q, %t", body, whole, present)
		}
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

// skipByBytes is skip without optimization.
func skipByBytes(b []byte, i int) (int, bool) {
	text, depth := false, 0
	for ; i < len(b); i++ {
		switch c := b[i]; {
		case text && c == '\\':
			i++
		case c == '"':
			if text = !text; !text && depth == 0 {
				return i + 1, true
			}
		case text:
		case c == '{' || c == '[':
			depth++
		case depth == 0 && (c == '}' || c == ']' || c == ','):
			return i, true
		case c == '}' || c == ']':
			if depth--; depth == 0 {
				return i + 1, true
			}
		}
	}
	return 0, false
}

func checkSkip(t *testing.T, body []byte) {
	t.Helper()
	for from := range body {
		s := scanner{body, from}
		end, ok := skipByBytes(body, from)
		if got := s.skip(); got != ok || ok && s.i != end {
			t.Fatalf("%q from %d: %t at %d, byte by byte %t at %d", body, from, got, s.i, ok, end)
		}
	}
}

// FuzzSkip checks that reading eight bytes at a time finds the same end as
// reading single bytes.
func FuzzSkip(f *testing.F) {
	for _, s := range []string{
		`{"a":"}]\\\"{[","b":[1,{"c":"é"}]} `, `["y","_",{"Y":y_}],`, `{"a":"` + strings.Repeat("long ", 30) + `}","b":{}},`, `"\\`, `{"\`, "[[[[[[[[[]]]]]]]]]",
		"{\"\xfb\xa2\xdb\xdc\":\"\xdd\"}", `{"a":"\u00e9\u00e9\u00e9\u00e9"}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > 1000 {
			return // each place of it is tried
		}
		checkSkip(t, body)
	})
}

func TestWordsHaveNoSeams(t *testing.T) {
	t.Parallel()
	for _, piece := range []string{`\"`, `\\`, `{`, `}`, `[`, `]`, `"`, `"}`, `\\"}`, `"{"`, "\xa2", "\xfd", "y", "_", "\x7f"} {
		for before := range 40 {
			for behind := range 10 {
				checkSkip(t, []byte(`{"a":"`+strings.Repeat("x", before)+piece+strings.Repeat("x", behind)+`"}, `))
				checkSkip(t, []byte(`[`+strings.Repeat("1", before)+piece+strings.Repeat("1", behind)+`],         `))
			}
		}
	}
}

func TestAStringOfEscapesCostsNoMoreThanItsLength(t *testing.T) {
	t.Parallel()
	for _, escape := range []string{`\u00e9`, `\"`, `\\`} {
		body := []byte(`{"a":"` + strings.Repeat(escape, 4<<20/len(escape)) + `","id":"x"}`)
		started := time.Now()
		if id, ok := find(body, []string{"id"}); !ok || string(id) != "x" {
			t.Errorf("behind %d of %s the id is %q", len(body), escape, id)
		}
		if took := time.Since(started); took > 5*time.Second {
			t.Errorf("4 MiB of %s took %v", escape, took)
		}
	}
}

func TestFindJSONReadsAsATemplateDoes(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"event":{"id":"evt_1"}}`:                "evt_1",
		`{"event":{"ID":"other","id":"evt_1"}}`:   "evt_1",
		`{"event":{"id":"evt_1","id":"evt_2"}}`:   "evt_1",
		`{"event":{"id":7}}`:                      "7",
		`{"event":{"id":null}}`:                   "",
		`{"event":{"id":"\u0065vt_1"}}`:           "",
		`{"id":"evt_1"}`:                          "",
		`{"data":{"event":{"id":"x"}},"event":1}`: "",
	} {
		if value, ok := FindJSON([]byte(body), "event", "id"); string(value) != want || ok != (want != "") {
			t.Errorf("%s: %q, %t", body, value, ok)
		}
	}
}

// FuzzFindValues checks that one pass finds several values as separate passes
// do.
func FuzzFindValues(f *testing.F) {
	for _, s := range []string{
		`{"a":1,"b":{"a":2},"c":[1]}`, `{"b":1 ,"a": {"c":1} , "a":2,"c":"x"}`, `{"a":}`, `{"a":1,}`, `{"a":1 "b":2}`, `{"\u0061":1,"b":2,"c":3`, `[{"a":1}]`, `{"b":,"c":1}`,
		`{"id":"x","b":{"c":2},"a":{"0":{"b":1},"d":4},"c":[1,2]}`, `{"a":[{"b":1}],"id":{"id":1},"b":2}`, `{"a":[{"b":"1"},2],"c":["x","y"]}`,
		`{"a":"x","c":nonsense]`, "", `{"c":1`, `{"x":` + strings.Repeat("[", 9), `{"a":{"d":5},"b":true}`,
	} {
		f.Add([]byte(s))
	}
	paths := [][]string{{"a"}, {"b"}, {"c"}, {"a", "d"}, {"0"}, {"a"}, {"a", "0", "b"}, {"c", "1"}, {"b", "c"}, {"id"}}
	var all outline
	var at []int
	for i, path := range paths {
		at = append(at, all.add(path, i%3 > 0, i == 6))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		found := all.read(body, nil)
		for i, path := range paths {
			text, ok := found.textOf(body, at[i])
			if want, alone := find(body, path); ok != alone || string(text) != string(want) {
				t.Errorf("%q: %v is %q, %t, alone %q, %t", body, path, text, ok, want, alone)
			}
			if want, _ := findValue(body, path); i%3 > 0 && string(found.valueOf(body, at[i])) != string(want) {
				t.Errorf("%q: %v is %q, alone %q", body, path, found.valueOf(body, at[i]), want)
			}
		}
		if found.several != several(body, paths[6]) {
			t.Errorf("%q: several is %t", body, found.several)
		}
	})
}

// findValue and several are the pass for one path.
func findValue(body []byte, path []string) ([]byte, bool) {
	var o outline
	at := o.add(path, true, false)
	found := o.read(body, nil)
	value := found.valueOf(body, at)
	return value, value != nil
}

func several(body []byte, path []string) bool {
	var o outline
	o.add(path, false, true)
	return o.read(body, nil).several
}

func TestABodyIsReadOnlyUpToItsLastValue(t *testing.T) {
	t.Parallel()
	s := must(Template{Name: "acme", Signature: Header("X-Signature"), ID: JSON("event", "id"), Content: "{body}"})
	body := []byte(`{"event":{"id":"1"},"data":"` + strings.Repeat("x", 1000) + `"}`)
	pass := search{scanner{body, 0}, contents{places: make([]place, fewFields)}}
	pass.branch(&s.outline.root, false)
	if pass.i > 20 {
		t.Errorf("%d bytes of %d are read", pass.i, len(body))
	}
}
