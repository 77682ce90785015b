package capture_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/hookonce/hookonce/internal/capture"
)

// summary is the request on one line.
func summary(r *capture.Request) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", r.Method, r.Address())
	h := r.Header.Clone()
	for _, name := range slices.Sorted(maps.Keys(h)) {
		if name != "Host" {
			fmt.Fprintf(&b, " [%s=%s]", name, strings.Join(h[name], "|"))
		}
	}
	if r.BodyLost {
		b.WriteString(" lost")
	}
	return fmt.Sprintf("%s %q", &b, r.Body)
}

func TestEachFormIsRead(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ text, want, note string }{
		"headers and body":           {"Webhook-Id: m\r\nA: 1\r\nA: 2\r\n\r\n{}\n", `POST / [A=1|2] [Webhook-Id=m] "{}\n"`, "does not say the method"},
		"headers of HTTP/2":          {":method: PUT\n:authority: a.example\n:scheme: https\n:path: /b?c\nx: y\n\nz", `PUT https://a.example/b?c [X=y] "z"`, ""},
		"a provider's page":          {"Request URL: https://a.example/b\nRequest method: POST\ncontent-type: text/plain\n\nz", `POST https://a.example/b [Content-Type=text/plain] "z"`, ""},
		"chunks that a page joined":  {"Host: a\nTransfer-Encoding: chunked\n\n{}", `POST https://a/ [Transfer-Encoding=chunked] "{}"`, "does not say"},
		"headers alone":              {"Webhook-Id: m\n", `POST / [Webhook-Id=m] lost ""`, "no blank line ends the headers"},
		"version 2.0":                {`{"version":"2.0","rawPath":"/prod/b","rawQueryString":"c=%20","cookies":["d=1","e=2"],"headers":{"host":"a.example","x":"y,z"},"requestContext":{"http":{"method":"POST"}},"body":"eg==","isBase64Encoded":true}`, `POST https://a.example/prod/b?c=%20 [Cookie=d=1; e=2] [X=y,z] "z"`, ""},
		"version 1.0 behind a stage": {`{"httpMethod":"POST","path":"/b","headers":{"X":"y"},"multiValueHeaders":{"X":["y","z"]},"queryStringParameters":{"c":"d"},"requestContext":{"path":"/prod/b","domainName":"a.example"},"body":"z"}`, `POST https://a.example/prod/b?c=d [X=y|z] "z"`, ""},
		"a query out of a map":       {`{"httpMethod":"POST","path":"/b","headers":{"host":"a"},"queryStringParameters":{"c":"d e"},"body":null}`, `POST https://a/b?c=d+e ""`, "the order and the encoding"},
		"a load balancer's query":    {`{"requestContext":{"elb":{}},"httpMethod":"POST","path":"/b","headers":{"host":"a"},"queryStringParameters":{"c":"d%20e"},"body":""}`, `POST https://a/b?c=d%20e ""`, ""},
		"an authorizer's event":      {`{"type":"REQUEST","methodArn":"x","httpMethod":"POST","path":"/b","headers":{"host":"a"}}`, `POST https://a/b lost ""`, "does not get the body"},
		"a whole URL in the event":   {`{"rawUrl":"https://a.example/b?c","httpMethod":"POST","path":"/x","headers":{"x":"y"},"body":"z"}`, `POST https://a.example/b?c [X=y] "z"`, ""},
		"a body that was parsed":     {`{"httpMethod":"POST","path":"/","headers":{"x":"y"},"body":{"b": 1.0}}`, `POST / [X=y] lost "{\"b\": 1.0}"`, "its bytes may not be those that were sent"},
		"a body that was not text":   {`{"method":"POST","url":"/","headers":{"x":"y"},"body":"a\ufffd"}`, `POST / [X=y] lost "a�"`, "U+FFFD"},
		"a list of one":              {` [{"method":"post","uri":"http://a:1/b#c","headers":[["X","y"],["X","z"]],"rawBody":"z"}]`, `POST http://a:1/b [X=y|z] "z"`, ""},
		"headers with keys":          {`{"headers":[{"key":"X","value":"y"},{"name":"Z","value":""}],"path":"/b","query":"c=d","method":"POST"}`, `POST /b?c=d [X=y] [Z=] ""`, ""},
		"headers as lines":           {`{"request":{"headers":["X: y"],"url":"http://a?b","method":"POST","body_base64":"eg=="}}`, `POST http://a/?b [X=y] "z"`, ""},
		"headers as a map":           {`{"headers":{"X":["y","z"],"x":"w","N":1},"method":"POST","url":"/","content":"z","isBase64Encoded":false}`, `POST / [N=1] [X=y|z|w] "z"`, ""},
		"no body but its length":     {`{"headers":{"Content-Length":"5"},"method":"POST","url":"/"}`, `POST / [Content-Length=5] lost ""`, "has no body"},
		"a body of another length":   {`{"headers":{"Content-Length":"5"},"method":"POST","url":"/","body":"z"}`, `POST / [Content-Length=5] "z"`, "Content-Length is 5, but the body of the capture has 1 bytes"},
		"a HAR of HTTP/2":            {`{"log":{"entries":[{"request":{"method":"POST","url":"https://a.example/b","headers":[{"name":":path","value":"/b"},{"name":":authority","value":"a.example"},{"name":"x","value":"y"}],"postData":{"text":"eg==","encoding":"base64"}}}]}}`, `POST https://a.example/b [X=y] "z"`, ""},
		"a HAR of a form":            {`{"log":{"entries":[{"request":{"method":"POST","url":"http://a/b","headers":[],"postData":{"params":[]}}}]}}`, `POST http://a/b lost ""`, "form parts"},
		"a HAR without bodies":       {`{"log":{"entries":[{"request":{"method":"POST","url":"http://a/b","headers":[],"bodySize":5}}]}}`, `POST http://a/b lost ""`, "saved without bodies"},
		"a GET in a HAR":             {`{"log":{"entries":[{"request":{"method":"GET","url":"http://a/b","headers":[],"bodySize":0}}]}}`, `GET http://a/b ""`, ""},
		"curl -v through a proxy":    {"*   Trying\n> CONNECT a:443 HTTP/1.1\n> Host: a:443\n> \n< HTTP/1.1 200 OK\n< \n* SSL connection using TLSv1.3\n> GET /b HTTP/2\n> Host: a\n> x: y\n>\n{ [5 bytes data]\n", `GET https://a/b [X=y] ""`, ""},
		"curl -v behind its meter":   {"  % Total\n\r  0     0    0     0    0     0      0      0 --:--:--  0:00:01 --:--:--     0> GET /b HTTP/1.1\r\n> Host: a\r\n> \r\n", `GET http://a/b ""`, ""},
		"a command in a terminal":    {"$ /usr/bin/curl a.example -H 'X: y' | jq\n{}", `GET http://a.example/ [X=y] ""`, "the text after the curl command is ignored"},
		"a command on Windows":       {"curl.exe -d 'x' \\\r\n  http://a", `POST http://a/ [Content-Type=application/x-www-form-urlencoded] "x"`, ""},
		"a URL without quotes":       {"curl http://a/?b=c&d=e -d x", `GET http://a/?b=c ""`, "if an & is part of the URL, quote the URL"},
		"data in a file":             {"curl http://a -d @b.json", `POST http://a/ [Content-Type=application/x-www-form-urlencoded] lost ""`, "without its newlines"},
		"binary data in a file":      {"curl http://a --data-binary @b.json", `POST http://a/ [Content-Type=application/x-www-form-urlencoded] lost ""`, "in a file that the command names"},
	} {
		r, err := capture.Read([]byte("\ufeff" + tt.text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := summary(r); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
		if notes := strings.Join(r.Notes(), "; "); !strings.Contains(notes, tt.note) || (notes == "") != (tt.note == "") {
			t.Errorf("%s: notes %q, want %q", name, notes, tt.note)
		}
	}
}

// The error names what cannot be read and what to do. It quotes nothing.
func TestWhatCannotBeReadIsNamed(t *testing.T) {
	t.Parallel()
	const inner = "whsec_SeCrEt"
	for name, tt := range map[string]struct{ text, want string }{
		"UTF-16":                      {"\xff\xfeP\x00O\x00", "UTF-16"},
		"gzip":                        {"\x1f\x8b\x08", "gzip"},
		"packets":                     {"\xd4\xc3\xb2\xa1", "Wireshark"},
		"newer packets":               {"\x0a\x0d\x0d\x0a\x00", "Wireshark"},
		"a screenshot":                {"\x89PNG\r\n", "image"},
		"HTTP/2":                      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/2"},
		"TLS":                         {"\x16\x03\x01\x02", "encrypted"},
		"curl --trace":                {"== Info:   Trying", "curl -v"},
		"an address":                  {"https://a.example/" + inner, "only a URL"},
		"HTML":                        {"<html>", "HTML"},
		"fetch":                       {`fetch("https://a/` + inner + `", {`, "Copy as cURL (bash)"},
		"PowerShell":                  {"$session = New-Object", "PowerShell"},
		"a request of PowerShell":     {"Invoke-WebRequest -Uri", "PowerShell"},
		"curl for PowerShell":         {"curl.exe \"http://a\" `\r\n  -d x", "PowerShell"},
		"curl for cmd.exe":            {"curl \"http://a\" ^\r\n  -H \"X: y\"", "cmd.exe"},
		"wget":                        {"wget http://a", "a program other than curl"},
		"a program":                   {"import requests", "program"},
		"alternate lines":             {"Request URL\nhttps://a\n", "Name: value"},
		"a name without a value":      {"A: b\nc\n\n", "line 2 is not a header"},
		"a JSON name that is none":    {`{"httpMethod":"POST","path":"/","headers":{"a b":"c"},"body":"z"}`, "header 1 is not a header such as"},
		"a URL that is none":          {"Request URL: a b\n\n", "line 1: the request target"},
		"a method that is none":       {":method: " + inner + "\n\n", "line 1: the method"},
		"no JSON":                     {"{ version: '2.0', body: '" + inner + "' }", "line 1"},
		"JSON that is cut":            {"{\n\"headers\": {\"" + inner, "line 2"},
		"two objects":                 {"{}\n{}", "line 2"},
		"a body alone":                {`{"secret":"` + inner + `"}`, "without headers"},
		"an array of several":         {`[{},{}]`, "array of 2"},
		"an event of a queue":         {`{"Records":[{"body":"` + inner + `"}]}`, "queue"},
		"headers that are none":       {`{"headers":"` + inner + `"}`, "headers must be"},
		"a header that is an object":  {`{"headers":{"a":{"b":"` + inner + `"}}}`, "headers must be"},
		"a header over two lines":     {`{"headers":{"a":"b\nc"}}`, "header 1"},
		"a body that is not base64":   {`{"headers":{},"body":"` + inner + `","isBase64Encoded":true}`, "base64"},
		"an event without headers":    {`{"rawPath":"/"}`, "no headers"},
		"an event without a method":   {`{"rawPath":"/","headers":{}}`, "method"},
		"a HAR without requests":      {`{"log":{"entries":[]}}`, "no request"},
		"a HAR of several":            {`{"log":{"entries":[{"request":{"postData":{}}},{"request":{"postData":{}}},{"request":{}}]}}`, "3 requests, 2 of them with a body"},
		"a HAR without a list":        {`{"log":{"version":"1.2"}}`, "not in a recognized form"},
		"an array without end":        {"[" + strings.Repeat("0,", 100_000) + "0]", "100,000 items"},
		"an array that is cut":        {"[{},\n{", "line 2"},
		"a HAR that is none":          {`{"log":{"entries":"` + inner + `"}}`, "not in a recognized form"},
		"curl -v of several":          {"* x\n> POST / HTTP/1.1\n> \n< HTTP/1.1 307\n< \n> POST /b HTTP/1.1\n> \n", "2 requests"},
		"curl -v of a proxy alone":    {"* x\n> CONNECT a:443 HTTP/1.1\n> \n", "no request"},
		"an unknown option":           {"curl http://a --frobnicate -d '" + inner + "'", "--frobnicate"},
		"an unknown letter":           {"curl http://a -ê", "an option"},
		"a secret as an option":       {"curl http://a --" + inner, "an option that is not one of curl's"},
		"an option without its value": {"curl http://a -H", "--header needs a value"},
		"two addresses":               {"curl http://a http://b/" + inner, "more than one URL"},
		"no URL":                      {"curl -d " + inner, "no URL"},
		"a form":                      {"curl http://a -F a=" + inner, "--form"},
		"an upload":                   {"curl http://a -T " + inner, "--upload-file"},
		"a configuration":             {"curl -K " + inner, "--config"},
		"headers in a file":           {"curl http://a -H @" + inner, "-H names a file"},
		"a quote that is open":        {"curl http://a \\\n-d '" + inner, "line 2: a quote"},
		"a variable":                  {"curl http://a -d \"$" + inner + "\"", "expand a $"},
		"a substitution":              {"curl http://a -d `cat " + inner + "`", "backtick"},
		"a NUL":                       {"curl http://a -d $'\\0'", "NUL"},
		"words without end":           {"curl" + strings.Repeat(" a", 20_000), "10,000 words"},
		"headers without end":         {"curl http://a" + strings.Repeat(" -H a:b", 1001), "1,000 lines"},
		"values without end":          {`{"headers":{"a":"` + strings.Repeat("b", 300<<10) + `"}}`, "256 KiB"},
	} {
		_, err := capture.Read([]byte(tt.text))
		if err == nil || !strings.Contains(err.Error(), tt.want) || len(err.Error()) > 300 {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), inner) {
			t.Errorf("%s: shown: %v", name, err)
		}
	}
}

// TestACommandIsReadAsCurlSendsIt compares with what the real curl sends.
func TestACommandIsReadAsCurlSendsIt(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed: install it, and run `make test`")
	}
	sent := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		for _, own := range []string{"User-Agent", "Content-Length", "Accept-Encoding"} {
			r.Header.Del(own)
		}
		if r.Header.Get("Accept") == "*/*" {
			r.Header.Del("Accept")
		}
		got := &capture.Request{}
		got.Method, got.URL, got.Header, got.Body = r.Method, "http://"+r.Host+r.RequestURI, r.Header, body
		sent <- summary(got)
	}))
	t.Cleanup(server.Close)
	for _, args := range []string{
		``,
		`-d a=b -d c=d`,
		`-d '' -d x`,
		`-sSXPUT -dx -H'X: y'`,
		`-X DELETE --data-raw @x`,
		`-G -d a=b --data-urlencode 'c=d e'`,
		`--data-urlencode 'a=b c~*é&' -d x=y --data-urlencode '=z z' --data-urlencode 'p q'`,
		`--json '{"a":' --json '1}'`,
		`--json '{}' -d x -H 'Content-Type: text/plain'`,
		`-d x -H 'Content-Type:' -H 'Empty;' -H 'X:  y ' -H nothing -H 'X: z'`,
		`-u user:pass -b a=b -e http://r/`,
		`--data-binary $'\x01\xff\n' -H 'content-type: application/octet-stream'`,
		`--compressed -k -i -L --max-time 5 -o /dev/null -w '%{http_code}' -d x`,
		`--no-keepalive --http1.1 -d x`,
		`-I`,
	} {
		command := "curl " + server.URL + "/hook?z=%20#f " + args
		if out, err := exec.CommandContext(t.Context(), "bash", "-c", command+" -m 10 -s").CombinedOutput(); err != nil {
			t.Errorf("%s: curl: %v: %s", args, err, out)
			continue
		}
		want := <-sent
		r, err := capture.Read([]byte(command))
		if err != nil {
			t.Errorf("%s: %v", args, err)
			continue
		}
		if got := summary(r); got != want {
			t.Errorf("%s:\nread %s\nsent %s", args, got, want)
		}
	}
}
