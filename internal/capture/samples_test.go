package capture_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/capture"
)

// secret signed the samples.
const secret = "whsec_b3VyIHNlY3JldCBvZiB0aGlydHktdHdvIGJ5dGVzISE="

// nothing is a store that is never called.
type nothing struct{ core.SeenStore }

// authentic verifies the request that was read.
func authentic(t *testing.T, r *capture.Request) error {
	t.Helper()
	v := core.Must(core.New(core.Secrets(secret), nothing{}, &core.Config{Clock: func() time.Time { return time.Unix(1_760_000_000, 0) }}))
	m, err := v.Verify(t.Context(), &r.Request)
	if err == nil && m.ID != "msg_1" {
		t.Errorf("the id is %q", m.ID)
	}
	return err
}

// testdata/README.md says how each was made.
func TestWhatToolsWriteIsReadAndVerified(t *testing.T) {
	t.Parallel()
	const (
		browser = "{\"name\":\"Zoë's order!\",\"path\":\"C:\\\\x\",\"line\":\"a\\nb\"}\n"
		signed  = "{\"name\":\"Zoë’s \\\"order\\\"\",\"path\":\"C:\\\\x\",\"cost\":\"$5 `now`!\",\"line\":\"a\\nb\"}"
		event   = "{\"name\":\"Zoë\",\"line\":\"a\\nb\"}\n"
		binary  = "\x08\x96\x01\xff\x00\x12"
		version = "an API Gateway event"
		query   = "the event has the query as a map"
	)
	for name, want := range map[string]struct{ form, method, url, address, body, note string }{
		"wire.txt":               {"a raw HTTP", "POST", "/hook?a=b", "https://127.0.0.1:8931/hook?a=b", browser, ""},
		"chromium-curl-bash.txt": {"a curl command", "POST", "/hook?a=b", "http://127.0.0.1:8931/hook?a=b", browser, ""},
		"playwright.har":         {"a HAR file", "POST", "/hook?a=b", "http://127.0.0.1:8931/hook?a=b", browser, "2 requests: the only one with a body"},
		"sign-curl.txt":          {"a curl command", "POST", "/hook?a=b", "http://127.0.0.1:8931/hook?a=b", signed, ""},
		"sign.json":              {"a JSON object", "POST", "/hook", "https://example.com/hook", `{"type":"example.created"}`, ""},
		"event-v1-text.json":     {version + ", version 1.0", "POST", "/hook?a=x+y&b=2&b=1", "https://127.0.0.1:8933/hook?a=x+y&b=2&b=1", event, query},
		"event-v1-binary.json":   {version + ", version 1.0", "POST", "/hook?a=x+y&b=2&b=1", "https://127.0.0.1:8933/hook?a=x+y&b=2&b=1", binary, query},
		"event-v2-text.json":     {"an API Gateway or function URL event, version 2.0", "POST", "/hook?b=2&a=x+y&b=1", "https://127.0.0.1:8933/hook?b=2&a=x+y&b=1", event, ""},
		"event-v2-binary.json":   {"an API Gateway or function URL event, version 2.0", "POST", "/hook?b=2&a=x+y&b=1", "https://127.0.0.1:8933/hook?b=2&a=x+y&b=1", binary, ""},
	} {
		r := sample(t, name)
		if !strings.HasPrefix(r.Form, want.form) || r.Method != want.method || r.URL != want.url || r.Address() != want.address || string(r.Body) != want.body {
			t.Errorf("%s is %s, %s %s, sent to %s, with %q", name, r.Form, r.Method, r.URL, r.Address(), r.Body)
		}
		if err := authentic(t, r); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if cookies := r.Header.Values("Cookie"); strings.HasPrefix(name, "event") && (len(cookies) != 1 || cookies[0] != "one=1; two=2") {
			t.Errorf("%s: cookies %q", name, cookies)
		}
		if notes := strings.Join(r.Notes(), "; "); !strings.Contains(notes, want.note) || (notes == "") != (want.note == "") {
			t.Errorf("%s: notes %q, want %q", name, notes, want.note)
		}
	}
}

func sample(t *testing.T, name string) *capture.Request {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	r, err := capture.Read(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return r
}

// serverless-offline decodes the query of a load balancer; the real one does not.
func TestALoadBalancerIsKnownByItsContext(t *testing.T) {
	t.Parallel()
	_, err := capture.Read(read(t, "event-alb-text.json"))
	if err == nil || !strings.Contains(err.Error(), "the request target is neither") {
		t.Errorf("a space in the address: %v", err)
	}
	r, err := capture.Read([]byte(strings.ReplaceAll(string(read(t, "event-alb-text.json")), "x y", "x%20y")))
	if err != nil {
		t.Fatal(err)
	}
	if r.Form != "an Application Load Balancer event" || r.URL != "/hook?a=x%20y&b=2&b=1" || authentic(t, r) != nil {
		t.Errorf("%s, %s: %v", r.Form, r.URL, authentic(t, r))
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestTheBodyOfCurlsOutputComesFromElsewhere(t *testing.T) {
	t.Parallel()
	r := sample(t, "curl-v.txt")
	if r.Form != "the output of curl -v" || r.Method != "POST" || r.Address() != "http://127.0.0.1:8931/hook?a=b" || !r.BodyLost {
		t.Errorf("%+v", r)
	}
	if notes := r.Notes(); len(notes) != 1 || !strings.Contains(notes[0], "curl -v does not print the body: give the bytes that were sent with --body FILE") {
		t.Errorf("%q", notes)
	}
	body := sample(t, "sign-curl.txt").Body
	if err := r.SetBody(body); err != nil {
		t.Fatal(err)
	}
	if err := authentic(t, r); err != nil || len(r.Notes()) > 0 {
		t.Errorf("%v, notes %q", err, r.Notes())
	}
	if err := r.SetBody(body); err == nil {
		t.Error("a second body is taken")
	}
	if _, err := capture.Read(read(t, "chromium-curl-cmd.txt")); err == nil || !strings.Contains(err.Error(), "Copy as cURL (bash)") {
		t.Errorf("for cmd.exe: %v", err)
	}
}

// TestWordsAreThoseOfBash has bash split the same commands, with a function instead of curl.
func TestWordsAreThoseOfBash(t *testing.T) {
	t.Parallel()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("bash is not installed: install it, and run `make test`")
	}
	for _, command := range []string{
		`curl a 'b c' "d e" f\ g`,
		`curl 'it'\''s' "a\"b\\c\$d\ e"`,
		`curl $'a\nb\t\'\x41\u00e9\U0001F600\101\e\"\?\z\\' x$ "y$" "$ "`,
		`curl $'\xff\x08\u0021' ''  "" x''y`,
		"curl a \\\n  b \\\n -H 'c\nd'",
		"curl a # not this\nx",
		"curl a#b | cat",
		"curl a&b=c",
		"curl a >/dev/null 2>&1",
		"curl x2>/dev/null",
		"curl a 2>/dev/null",
		"curl a '2'>/dev/null",
		"curl a;b",
		"  curl a\n\n\ncurl b",
		"curl \"a\\\nb\"",
		"curl Zoë € \u2028",
		`curl ~ a* [b] c=d`,
		`curl $'\u'  $'\x'`,
	} {
		const first = "exec 3>&1; set -f; HOME='~'; command_not_found_handle() { :; }\ncurl() { [ \"$done\" ] || printf '%s\\0' \"$@\" >&3; done=1; }\n"
		out, err := exec.CommandContext(t.Context(), bash, "-c", first+command+"\nwait").Output()
		if err != nil {
			t.Errorf("%q: bash: %v", command, err)
			continue
		}
		want := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
		got, _, err := capture.Words(command)
		if err != nil || !reflect.DeepEqual(got[1:], want) {
			t.Errorf("%q is %q, for bash %q: %v", command, got, want, err)
		}
	}
}
