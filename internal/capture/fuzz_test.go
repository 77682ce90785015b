package capture_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/hookonce/hookonce/internal/capture"
)

// mark stands for a secret in the fuzzed text.
const mark = "wHsEcReT"

// readAny looks for panics, and for errors that quote the text.
func readAny(t *testing.T, text []byte) {
	t.Helper()
	_, err := capture.Read(text)
	if err != nil && (len(err.Error()) > 300 || strings.Contains(err.Error(), mark)) {
		t.Errorf("%v", err)
	}
}

// readAs reads text and checks its form and body.
func readAs(t *testing.T, form, text string, body []byte) {
	t.Helper()
	r, err := capture.Read([]byte(text))
	if err != nil || !strings.HasPrefix(r.Form, form) || r.BodyLost || string(r.Body) != string(body) {
		t.Fatalf("%v: %+v, want %q", err, r, body)
	}
}

// inJSON is a body as gateways write it.
func inJSON(body []byte) (text string, encoded bool) {
	if encoded = !utf8.Valid(body) || bytes.ContainsRune(body, '\ufffd'); encoded {
		return `"` + base64.StdEncoding.EncodeToString(body) + `"`, true
	}
	quoted, _ := json.Marshal(string(body))
	return string(quoted), false
}

func FuzzHeaders(f *testing.F) {
	f.Add([]byte(":method: POST\n:path: /"+mark+"\nA: b\n\n{}"), []byte("\r\n\x00"))
	f.Add([]byte("Request URL: https://a/\nRequest method: PUT\nTransfer-Encoding: chunked\n\n2\r\n{}\r\n0\r\n\r\n"), []byte{})
	f.Fuzz(func(t *testing.T, text, body []byte) {
		readAny(t, append([]byte("A: "+mark+"\n"), text...))
		readAny(t, text)
		readAs(t, "headers and body", "A: b\r\n\r\n"+string(body), body)
	})
}

func FuzzVerbose(f *testing.F) {
	f.Add([]byte("* x\n> POST /" + mark + " HTTP/1.1\n> Host: a\n> \n} [2 bytes data]\n< HTTP/1.1 200 OK\n< \n"))
	f.Add([]byte("> CONNECT a:443 HTTP/1.1\r\n> \r\n> POST / HTTP/2\r\n> a: b\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		readAny(t, text)
		readAny(t, append([]byte("> POST / HTTP/1.1\n> Content-Length: 1\n> "), text...))
		r, err := capture.Read(append([]byte("> POST /hook HTTP/1.1\n> Host: a\n> Content-Length: 2\n> \n<"), strings.ReplaceAll(string(text), ">", "<")...))
		if err != nil || r.Address() != "http://a/hook" || !r.BodyLost {
			t.Errorf("%v: %+v", err, r)
		}
	})
}

func FuzzCommand(f *testing.F) {
	f.Add([]byte("curl 'https://a/' \\\n  -H $'x: \\u0021' -d @b | cat # "+mark), []byte("it's\n\\"))
	f.Add([]byte("$ curl -sXPOST http://a -d\"$'\\x\"; --json"), []byte("\xff$x`"))
	f.Fuzz(func(t *testing.T, text, body []byte) {
		readAny(t, text)
		readAny(t, append([]byte("curl -d '"+mark+"' "), text...))
		if bytes.ContainsRune(body, 0) {
			return
		}
		quoted := "'" + strings.ReplaceAll(string(body), "'", `'\''`) + "'" // as hookonce sign writes it
		readAs(t, "a curl command", "curl -X POST 'http://a' --data-raw "+quoted+"\n", body)
		quoted = "$'" + strings.NewReplacer(`\`, `\\`, "'", `\'`, "\n", `\n`, "!", `\u0021`).Replace(string(body)) + "'" // as Chromium does
		readAs(t, "a curl command", "curl http://a \\\n  --data-raw "+quoted, body)
	})
}

func FuzzHAR(f *testing.F) {
	f.Add([]byte(`{"request":{"method":"POST","url":"http://a/`+mark+`","headers":[{"name":"a","value":"b"}],"postData":{"text":"{}"}}}`), []byte("\xff"))
	f.Add([]byte(`{"request":{"postData":{}}},{"request":{}}`), []byte("Zoë"))
	f.Fuzz(func(t *testing.T, entries, body []byte) {
		readAny(t, []byte(`{"log":{"entries":[`+string(entries)+`]}}`))
		text, encoded := inJSON(body)
		if encoded {
			text += `,"encoding":"base64"`
		}
		readAs(t, "a HAR file", `{"log":{"entries":[{"request":{"method":"POST","url":"http://a","headers":[],"postData":{"text":`+text+`}}}]}}`, body)
	})
}

func FuzzEvent(f *testing.F) {
	f.Add([]byte(`"requestContext":{"elb":{}},"queryStringParameters":{"a":"`+mark+`"},"multiValueHeaders":{"a":["b"]}`), []byte("\xff"))
	f.Add([]byte(`"rawPath":"/","cookies":["a=b"],"headers":{"a":"b"},"isBase64Encoded":true,"body":"e30="`), []byte("Zoë"))
	f.Fuzz(func(t *testing.T, members, body []byte) {
		readAny(t, []byte(`{"httpMethod":"POST",`+string(members)+`}`))
		text, encoded := inJSON(body)
		rest := `,"headers":{"a":"b"},"body":` + text + `}`
		if encoded {
			rest = `,"isBase64Encoded":true` + rest
		}
		readAs(t, "an API Gateway event, version 1.0", `{"httpMethod":"POST","path":"/"`+rest, body)
		readAs(t, "an API Gateway or", `{"rawPath":"/","requestContext":{"http":{"method":"POST"}}`+rest, body)
	})
}

func FuzzObject(f *testing.F) {
	f.Add([]byte(`{"method":"POST","url":"http://a/`+mark+`","headers":{"a":["b"]},"body":"{}"}`), []byte("\xff"))
	f.Add([]byte(`[{"request":{"headers":[["a","b"],"c: d",{"key":"e","value":"f"}],"body":{"a":1}}}]`), []byte("Zoë"))
	f.Fuzz(func(t *testing.T, text, body []byte) {
		readAny(t, text)
		value, encoded := inJSON(body)
		name := `"body":`
		if encoded {
			name = `"isBase64Encoded":true,` + name
		}
		readAs(t, "a JSON object", `{"method":"POST","url":"/","headers":{},`+name+value+`}`, body)
	})
}
