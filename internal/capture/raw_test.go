package capture_test

import (
	"bytes"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/capture"
)

func TestARequestIsReadAsItIsOnTheWire(t *testing.T) {
	t.Parallel()
	header := func(pairs ...string) http.Header {
		h := http.Header{}
		for i := 0; i < len(pairs); i += 2 {
			h.Add(pairs[i], pairs[i+1])
		}
		return h
	}
	for name, tt := range map[string]struct {
		raw  string
		want core.Request
		note string
	}{
		"CRLF":               {"POST /hook HTTP/1.1\r\nHost: a\r\n\r\n{}", core.Request{Method: "POST", URL: "/hook", Header: header("Host", "a"), Body: []byte("{}")}, ""},
		"LF":                 {"POST /hook HTTP/1.1\nHost: a\n\n{}", core.Request{Method: "POST", URL: "/hook", Header: header("Host", "a"), Body: []byte("{}")}, ""},
		"CRLF in the body":   {"POST / HTTP/1.1\n\na\r\n\r\nb\n", core.Request{Method: "POST", URL: "/", Header: header(), Body: []byte("a\r\n\r\nb\n")}, ""},
		"bytes in the body":  {"POST / HTTP/1.1\r\n\r\n\x00\xff\n", core.Request{Method: "POST", URL: "/", Header: header(), Body: []byte("\x00\xff\n")}, ""},
		"a mark in front":    {"\ufeffPOST / HTTP/1.1\n\n", core.Request{Method: "POST", URL: "/", Header: header(), Body: []byte{}}, ""},
		"names in lowercase": {"POST / HTTP/2\nwebhook-id:  x \t\n\n", core.Request{Method: "POST", URL: "/", Header: header("Webhook-Id", "x"), Body: []byte{}}, ""},
		"a header twice":     {"POST / HTTP/1.1\nA: 1\na: 2\n\n", core.Request{Method: "POST", URL: "/", Header: header("A", "1", "A", "2"), Body: []byte{}}, ""},
		"a colon inside":     {"POST / HTTP/1.1\nA: b:c\n\n", core.Request{Method: "POST", URL: "/", Header: header("A", "b:c"), Body: []byte{}}, ""},
		"an empty value":     {"POST / HTTP/1.1\nA:\n\n", core.Request{Method: "POST", URL: "/", Header: header("A", ""), Body: []byte{}}, ""},
		"a folded header":    {"POST / HTTP/1.1\nA: b\n  c\n\n", core.Request{Method: "POST", URL: "/", Header: header("A", "b c"), Body: []byte{}}, ""},
		"a query":            {"GET /a?b=c%20d HTTP/1.1\n\n", core.Request{Method: "GET", URL: "/a?b=c%20d", Header: header(), Body: []byte{}}, ""},
		"a whole address": {
			"POST http://a/b HTTP/1.1\n\n",
			core.Request{Method: "POST", URL: "http://a/b", Header: header(), Body: []byte{}},
			"",
		},
		"no empty line": {"POST / HTTP/1.1\nA: b", core.Request{Method: "POST", URL: "/", Header: header("A", "b")}, "no blank line"},
		"chunks": {
			"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{\"\r\n3;x=y\r\na\"}\r\n0\r\n\r\n",
			core.Request{Method: "POST", URL: "/", Header: header(), Body: []byte(`{"a"}`)},
			"",
		},
		"a newline more": {
			"POST / HTTP/1.1\nContent-Length: 2\n\n{}\n",
			core.Request{Method: "POST", URL: "/", Header: header("Content-Length", "2"), Body: []byte("{}\n")},
			"did an editor add it?",
		},
		"less than its length": {
			"POST / HTTP/1.1\nContent-Length: 9\n\n{}",
			core.Request{Method: "POST", URL: "/", Header: header("Content-Length", "9"), Body: []byte("{}")},
			"Content-Length is 9, but 2 bytes",
		},
	} {
		got, err := capture.Read([]byte(tt.raw))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !reflect.DeepEqual(got.Request, tt.want) {
			t.Errorf("%s: %+v, want %+v", name, got.Request, tt.want)
		}
		if notes := strings.Join(got.Notes(), "\n"); (notes == "") != (tt.note == "") || !strings.Contains(notes, tt.note) {
			t.Errorf("%s: notes %q, want %q", name, notes, tt.note)
		}
	}
}

func TestWhatIsNoRequestIsRefusedWithTheLine(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ raw, want string }{
		"nothing":                    {"", "empty"},
		"an empty line":              {"\r\nPOST / HTTP/1.1\n\n", "blank line"},
		"a body alone":               {`{"a": 1}`, "If the input is the body alone, put the headers"},
		"an answer":                  {"HTTP/1.1 200 OK\n\n", "line 1 belongs to a response"},
		"no version":                 {"POST /\n\n", "line 1"},
		"a method in lower case":     {"post / HTTP/1.1\n\n", "line 1"},
		"no target":                  {"POST  HTTP/1.1\n\n", "line 1"},
		"a target that is none":      {"POST hook HTTP/1.1\n\n", "target"},
		"a body without empty line":  {"POST / HTTP/1.1\nA: b\n{\"a\"}", "line 3"},
		"JSON without empty line":    {"POST / HTTP/1.1\nA: b\n{\"a\": 1}", "line 3"},
		"a space in a name":          {"POST / HTTP/1.1\nA : b\n\n", "line 2"},
		"a name without a colon":     {"POST / HTTP/1.1\nA\n\n", "line 2"},
		"a fold behind line 1":       {"POST / HTTP/1.1\n a: b\n\n", "line 2"},
		"chunks that are none":       {"POST / HTTP/1.1\nTransfer-Encoding: chunked\n\n{}", "chunk"},
		"chunks with changed ends":   {"POST / HTTP/1.1\nTransfer-Encoding: Chunked\n\n2\n{}\n0\n\n", "chunk"},
		"a head that does not end":   {"POST / HTTP/1.1\n" + strings.Repeat("a: b\n", 2000), "1,000 lines"},
		"a line that does not end":   {"POST / HTTP/1.1\nA: " + strings.Repeat("b", 300<<10), "256 KiB"},
		"a line that does not begin": {strings.Repeat("\x00", 1<<20), "256 KiB"},
	} {
		if _, err := capture.Read([]byte(tt.raw)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheAddressIsThatOfTheRequest(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"POST /hook?a=b HTTP/1.1\nHost: example.com\n\n":       "https://example.com/hook?a=b",
		"POST http://a.example/b HTTP/1.1\nHost: other\n\n":    "http://a.example/b",
		"POST /hook HTTP/1.1\n\n":                              "/hook",
		"POST /?u=http://x HTTP/1.1\nHost: example.com:8443\n": "https://example.com:8443/?u=http://x",
	} {
		r, err := capture.Read([]byte(raw))
		if err != nil || r.Address() != want {
			t.Errorf("%q: %q, %v", raw, r.Address(), err)
		}
	}
}

// FuzzRaw looks for panics, for lost bytes of the body, and for a difference between the two line
// ends.
func FuzzRaw(f *testing.F) {
	f.Add([]byte("POST /hook HTTP/1.1\r\nHost: a\r\n\r\n{}"), []byte("{}"))
	f.Add([]byte("POST /hook HTTP/1.1\nA: b\n c\n"), []byte("\r\n\x00"))
	f.Add([]byte("POST / HTTP/1.1\r\nTransfer-Encoding: chunked"), []byte("2\r\n{}\r\n0\r\n\r\n"))
	f.Add([]byte("POST / HTTP/1.1\nContent-Length: 99999999999999999999"), []byte{})
	f.Fuzz(func(t *testing.T, head, body []byte) {
		_, _ = capture.Read(head)
		lines := bytes.Split(bytes.ReplaceAll(head, []byte("\r"), nil), []byte("\n"))
		for i, line := range lines {
			if len(line) == 0 {
				lines = lines[:i]
				break
			}
		}
		var read [2]string
		for i, end := range []string{"\n", "\r\n"} {
			raw := append(bytes.Join(lines, []byte(end)), []byte(end+end)...)
			r, err := capture.Read(append(raw, body...))
			if err != nil {
				read[i] = err.Error()
				continue
			}
			if chunked := bytes.Contains(bytes.ToLower(head), []byte("chunked")); !chunked && !bytes.Equal(r.Body, body) {
				t.Errorf("the body is %q, and was %q", r.Body, body)
			}
			read[i] = fmt.Sprint(r.Request, r.Notes())
		}
		if read[0] != read[1] && !strings.Contains(read[0]+read[1], "256 KiB") {
			t.Errorf("LF:   %q\nCRLF: %q", read[0], read[1])
		}
	})
}
