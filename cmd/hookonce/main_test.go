package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/senders"
	"github.com/hookonce/hookonce/schemes"
)

// outcome is the result of a command.
type outcome struct {
	code      int
	out, errs string
}

// hookonce runs the program in this process. env are pairs like NAME=value.
func hookonce(t *testing.T, stdin string, env []string, args ...string) outcome {
	t.Helper()
	var out, errs bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second) // for a listener that should have been refused
	defer cancel()
	code := run(ctx, args, strings.NewReader(stdin), &out, &errs, func(name string) (string, bool) {
		for _, pair := range env {
			if value, ok := strings.CutPrefix(pair, name+"="); ok {
				return value, true
			}
		}
		return "", false
	})
	return outcome{code, out.String(), errs.String()}
}

func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestHelpIsOnStandardOutput(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--help"}, {"help"}, {"-h"}} {
		got := hookonce(t, "", nil, args...)
		if got.code != 0 || got.errs != "" {
			t.Errorf("%q: status %d, standard error %q", args, got.code, got.errs)
		}
		for _, c := range commands() {
			if !strings.Contains(got.out, c.example) {
				t.Errorf("%q has not the example of %s", args, c.name)
			}
		}
	}
	for _, c := range commands() {
		long, short := hookonce(t, "", nil, c.name, "--help"), hookonce(t, "", nil, "help", c.name)
		if long.code != 0 || long.errs != "" || long != short || !strings.Contains(long.out, c.example) ||
			strings.Contains(long.out, "--json") == (c.name == "completion") { // which writes a script
			t.Errorf("help of %s: %+v", c.name, long)
		}
	}
}

func TestAMistakeIsOneLineThatSaysWhatToDo(t *testing.T) {
	t.Parallel()
	secret := file(t, core.GenerateSecret())
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"no command":                 {nil, "--help"},
		"an unknown command":         {[]string{"verfy"}, "--help"},
		"help of an unknown command": {[]string{"help", "verfy"}, "--help"},
		"an unknown flag":            {[]string{"verify", "--secrt", "x"}, "hookonce help verify"},
		"a flag without its value":   {[]string{"verify", "--secret"}, "--secret needs a value"},
		"a value that is no number":  {[]string{"verify", "--now", "yesterday"}, "--now"},
		"a duration without a unit":  {[]string{"verify", "--past", "5"}, "such as 5m"},
		"a limit that is none":       {[]string{"verify", "--secret-file", secret, "--request", file(t, "POST / HTTP/1.1\n\n"), "--max-body", "-1"}, "--max-body"},
		"standard input for two":     {[]string{"verify", "--secret-file", "-", "--request", "-"}, "one of the two"},
		"another query than the one that is signed": {
			[]string{"send", "--secret", "x", "--scheme", "twilio", "--url", "https://a.example/?b=c", "--to", "http://127.0.0.1:1/"},
			"the query of --url: give the same query in --url",
		},
		"an argument": {[]string{"verify", "request.txt"}, "unexpected argument; see hookonce help verify"},
		"no secret":   {[]string{"verify", "--request", "-"}, "--request"},
		"no request":  {[]string{"verify", "--secret-file", secret}, "--request FILE"},
		"a request that is not there": {
			[]string{"explain", "--secret-file", secret, "--request", "nowhere"},
			"no such file",
		},
		"a secret file that is not there": {[]string{"sign", "--secret-file", "nowhere"}, "no such file"},
		"an empty secret file":            {[]string{"sign", "--secret-file", file(t, " \n")}, "put the secret into it"},
		"an unknown scheme":               {[]string{"sign", "--secret-file", secret, "--scheme", "gitub"}, "github"},
		"a scheme that must be asked for": {[]string{"sign", "--secret-file", secret, "--scheme", "dropbox"}, "--dangerously-replayable"},
		"a scheme without its setting":    {[]string{"sign", "--secret-file", secret, "--scheme", "hook0"}, "--scheme-header"},
		"a scheme that only its sender signs": {
			[]string{"sign", "--secret", strings.Repeat("ab", 32), "--scheme", "discord"},
			"cannot sign for discord",
		},
		"a public key to sign with": {[]string{"sign", "--secret", publicKey(t)}, "whsk_"},
		"a secret of another kind":  {[]string{"verify", "--secret", "abc", "--request", file(t, "POST / HTTP/1.1\n\n")}, "whsec_"},
		"two bodies":                {[]string{"sign", "--secret-file", secret, "--data", "x", "--body", "y"}, "give only one"},
		"a header over two lines":   {[]string{"sign", "--secret-file", secret, "--header", "a: b\nc"}, "one line"},
		"a form that is none":       {[]string{"sign", "--secret-file", secret, "--print", "xml"}, "curl"},
		"a binary body for curl":    {[]string{"sign", "--secret-file", secret, "--print", "curl", "--data", "\x00"}, "hookonce send"},
		"nowhere to send":           {[]string{"send", "--secret-file", secret}, "--to URL"},
		"a schedule that is none":   {[]string{"send", "--secret-file", secret, "--to", "http://127.0.0.1:1", "--schedule", "soon"}, "fast"},
		"an address that is none":   {[]string{"send", "--secret-file", secret, "--to", "127.0.0.1:1"}, "https://"},
		"an address for everybody":  {[]string{"listen", "--secret-file", secret, "--addr", "0.0.0.0:0"}, "--dangerously-beyond-loopback"},
		"a port without an address": {[]string{"listen", "--secret-file", secret, "--addr", ":0"}, "--dangerously-beyond-loopback"},
		"a framework that is none":  {[]string{"listen", "--secret-file", secret, "--framework", "rails"}, "fiber"},
		"echo v5":                   {[]string{"listen", "--secret-file", secret, "--framework", "echov5"}, "cd examples/echov5 && go run ."},
		"fiber v3":                  {[]string{"listen", "--secret-file", secret, "--framework", "fiberv3"}, "cd examples/fiberv3 && go run ."},
		"a status that is none":     {[]string{"listen", "--secret-file", secret, "--answer", "ok"}, "503,200"},
		"a pair for another scheme": {[]string{"keygen", "--pair", "--scheme", "github"}, "--pair"},
		"keys that a sender makes":  {[]string{"keygen", "--scheme", "sendgrid"}, "copy it from the sender"},
		"a file that is there":      {[]string{"keygen", "--out", secret}, "exists"},
		"others without a file":     {[]string{"explain", "--secret-file", secret, "--request", file(t, "POST / HTTP/1.1\n\n"), "--other", "x"}, "NAME=FILE"},
		"a reason that is none":     {[]string{"explain", "--secret-file", secret, "--request", file(t, "POST / HTTP/1.1\n\n"), "--reason", "No!"}, "body-consumed"},
	} {
		got := hookonce(t, "POST / HTTP/1.1\n", nil, tt.args...)
		if name == "no secret" {
			got = hookonce(t, "", nil, tt.args...)
		}
		if got.code != 2 || got.out != "" || strings.Count(got.errs, "\n") != 1 || !strings.Contains(got.errs, tt.want) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// zeros is an endless file that counts the bytes read.
type zeros struct{ read int }

func (z *zeros) Read(p []byte) (int, error) {
	if z.read > 4*maxFile {
		return 0, io.EOF
	}
	clear(p)
	z.read += len(p)
	return len(p), nil
}

func TestAFileWithoutEndIsNotReadToIt(t *testing.T) {
	t.Parallel()
	in, errs := new(zeros), new(bytes.Buffer)
	code := run(t.Context(), []string{"verify", "--secret", "x", "--request", "-"}, in, io.Discard, errs, os.LookupEnv)
	if code != 2 || !strings.Contains(errs.String(), "64 MiB") || in.read > 2*maxFile {
		t.Errorf("status %d after %d bytes: %s", code, in.read, errs)
	}
}

func publicKey(t *testing.T) string {
	t.Helper()
	_, public := core.GenerateKeyPair()
	return public
}

// TestWhatIsSignedIsAuthentic takes every scheme through sign and verify.
func TestWhatIsSignedIsAuthentic(t *testing.T) {
	t.Parallel()
	groups, err := senders.Groups()
	if err != nil {
		t.Fatal(err)
	}
	bodies := map[string]string{"braintree": `<notification><kind>check</kind></notification>`}
	for _, g := range groups {
		for _, s := range g.Senders {
			if s.Sample != "" {
				bodies[s.Name] = s.Sample
			}
		}
	}
	signed := 0
	for _, name := range schemes.Names() {
		args := []string{"--scheme", name, "--dangerously-replayable", "--scheme-header", "X-Event-Id", "--now", "1760000000"}
		secret := hookonce(t, "", nil, "keygen", "--scheme", name)
		if secret.code != 0 {
			continue
		}
		env := []string{"WEBHOOK_SECRET=" + secret.out}
		body := bodies[name]
		if body == "" {
			body = `{"id":"evt_1"}`
		}
		request := hookonce(t, body, env, append([]string{"sign", "--body", "-"}, args...)...)
		if request.code != 0 {
			t.Errorf("%s: %+v", name, request)
			continue
		}
		signed++
		for form, text := range map[string]string{"CRLF": request.out, "LF": lf(request.out)} {
			got := hookonce(t, text, env, append([]string{"verify", "--request", "-"}, args...)...)
			if got.code != 0 || !strings.HasPrefix(got.out, "authentic: signed with key-1") || got.errs != "" {
				t.Errorf("%s, %s: %+v\n%s", name, form, got, text)
			}
			got = hookonce(t, text, []string{"WEBHOOK_SECRET=" + hookonce(t, "", nil, "keygen", "--scheme", name).out},
				append([]string{"verify", "--request", "-"}, args...)...)
			if got.code != 1 || !strings.HasPrefix(got.out, "refused: no-match") {
				t.Errorf("%s, another secret: %+v", name, got)
			}
		}
	}
	if signed < 40 {
		t.Errorf("only %d schemes were signed", signed)
	}
}

// lf changes the line ends of the headers to LF.
func lf(request string) string {
	head, body, _ := strings.Cut(request, "\r\n\r\n")
	return strings.ReplaceAll(head, "\r\n", "\n") + "\n\n" + body
}

func TestSeveralSecretsAreTakenFromEverywhere(t *testing.T) {
	t.Parallel()
	old, next := core.GenerateSecret(), core.GenerateSecret()
	signing, public := core.GenerateKeyPair()
	request := hookonce(t, "", nil, "sign", "--secret", old, "--data", "{}").out
	byKey := hookonce(t, "", nil, "sign", "--secret-file", file(t, signing), "--data", "{}").out
	for name, tt := range map[string]struct {
		request string
		env     []string
		args    []string
		want    string
	}{
		"flags":       {request, nil, []string{"--secret", next, "--secret", old}, "key-2"},
		"a file":      {request, nil, []string{"--secret-file", file(t, next+"\n"+old+"\r\n")}, "key-2"},
		"files":       {request, nil, []string{"--secret-file", file(t, next), "--secret-file", file(t, old)}, "key-2"},
		"a variable":  {request, []string{"WEBHOOK_SECRET= " + next + " " + old + "\n"}, nil, "key-2"},
		"flag first":  {request, []string{"WEBHOOK_SECRET=nonsense"}, []string{"--secret", old}, "key-1"},
		"public keys": {byKey, nil, []string{"--secret", next, "--secret", public}, "key-2"},
	} {
		got := hookonce(t, tt.request, tt.env, append([]string{"verify", "--request", "-"}, tt.args...)...)
		if got.code != 0 || !strings.Contains(got.out, tt.want) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	both := hookonce(t, "", []string{"WEBHOOK_SECRET=" + next + " " + old}, "sign", "--print", "headers").out
	if strings.Count(both, "v1,") != 2 {
		t.Errorf("signed with two secrets: %s", both)
	}
}

func TestJSONIsOneObject(t *testing.T) {
	t.Parallel()
	secret := core.GenerateSecret()
	env := []string{"WEBHOOK_SECRET=" + secret}
	request := hookonce(t, "", env, "sign").out
	for name, tt := range map[string]struct {
		code int
		args []string
		want map[string]any
	}{
		"keygen":    {0, []string{"keygen"}, map[string]any{}},
		"a pair":    {0, []string{"keygen", "--pair"}, map[string]any{}},
		"sign":      {0, []string{"sign", "--id", "msg_1"}, map[string]any{"id": "msg_1", "method": "POST"}},
		"authentic": {0, []string{"verify", "--request", "-"}, map[string]any{"authentic": true, "key": "key-1", "replay": "not checked"}},
		"refused": {
			1,
			[]string{"verify", "--request", "-", "--now", "5"},
			map[string]any{"authentic": false, "reason": "outside-window"},
		},
		"explained": {1, []string{"explain", "--request", "-", "--now", "5"}, map[string]any{"authentic": false, "reason": "outside-window"}},
		"not sent": {
			1,
			[]string{"send", "--to", "http://127.0.0.1:1/", "--attempts", "1"},
			map[string]any{"delivered": false},
		},
	} {
		got := hookonce(t, request, env, append(tt.args, "--json")...)
		object := map[string]any{}
		if err := json.Unmarshal([]byte(got.out), &object); err != nil || got.code != tt.code {
			t.Errorf("%s: %+v: %v", name, got, err)
		}
		for key, want := range tt.want {
			if object[key] != want {
				t.Errorf("%s: %s is %v, want %v", name, key, object[key], want)
			}
		}
	}
}

// TestNoSecretIsEverShown runs every command, correct and incorrect, with secrets in the right and
// in the wrong places.
func TestNoSecretIsEverShown(t *testing.T) {
	t.Parallel()
	secret, other := core.GenerateSecret(), core.GenerateSecret()
	signing, _ := core.GenerateKeyPair()
	name := file(t, secret)
	request := hookonce(t, "", nil, "sign", "--secret", secret).out
	for _, args := range [][]string{
		{"sign", "--secret", secret},
		{"sign", "--secret", secret, "--json"},
		{"sign", "--secret", secret, "--print", "curl"},
		{"sign", "--secret", signing},
		{"sign", "--secret", secret + "!"},
		{"sign", "--secret", "\"" + secret + "\""},
		{"sign", "--secret", secret, "--scheme", "adyen-platform"},
		{"sign", "--secret", secret, "--scheme", "gitlab-token", "--dangerously-replayable"},
		{"verify", "--secret", secret, "--request", "-"},
		{"verify", "--secret", secret, "--request", "-", "--json"},
		{"verify", "--secret", signing, "--request", "-"},
		{"verify", "--secret", other, "--request", "-"},
		{"verify", "--secret", secret[:20], "--request", "-"},
		{"verify", "--secret", secret + "\n", "--request", "-"},
		{"explain", "--secret", secret + "\n", "--request", "-"},
		{"explain", "--secret", "'" + secret + "'", "--request", "-"},
		{"explain", "--secret", "WEBHOOK_SECRET=" + secret, "--request", "-"},
		{"explain", "--secret", secret, "--request", "-", "--json", "--now", "5"},
		{"explain", "--secret", other, "--request", "-", "--other", "prod=" + name},
		{"explain", "--secret", other, "--request", "-", "--other", secret},
		{"explain", "--secret", other, "--request", "-", "--reason", secret},
		{"explain", "--secret", secret, "--request", "-", "--scheme", "github"},
		{"send", "--secret", secret, "--to", "http://127.0.0.1:1/", "--attempts", "1"},
		{"send", "--secret", secret, "--to", secret},
		{"listen", "--secret", secret + " ", "--addr", "127.0.0.1:0"},
		{"listen", "--secret", secret, "--addr", secret},
		{"listen", "--secret", secret, "--addr", "127.0.0.1:" + secret},
		{"listen", "--secret", secret, "--framework", secret},
		{"keygen", "--out", filepath.Join(t.TempDir(), "new"), "--scheme", secret},
		{"keygen", "--out", secret + "/" + secret},
		{"verify", "--secret-file", secret, "--request", "-"},
		{"verify", "--secret-file", name, "--request", secret},
		{"verify", "--secret-file", name, "--request", "-", "--now", secret},
		{"verify", "--secret-file", name, "--request", "-", "--scheme", secret},
		{"verify", "--secret-file", name, "--request", "-", "--url", secret, "--scheme", "square"},
		{"verify", "--secrt=" + secret, "--request", "-"},
		{"verify", "--" + secret},
		{"verify", secret},
		{"sign", "--secret-file", name, "--body", secret},
		{"sign", "--secret-file", name, "--print", secret},
		{"sign", "--secret-file", name, "--header", secret},
		{secret},
		{"help", secret},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		var out, errs bytes.Buffer
		if args[0] == "listen" {
			cancel()
		}
		code := run(ctx, args, strings.NewReader(request), &out, &errs, func(string) (string, bool) { return other, true })
		cancel()
		for _, s := range []string{secret, other, signing} {
			bare := strings.TrimSuffix(s[strings.IndexByte(s, '_')+1:], "=")
			if shown := out.String() + errs.String(); strings.Contains(shown, bare) || strings.Contains(shown, bare[:16]) {
				t.Errorf("%q, status %d, shows a secret:\n%s", args, code, shown)
			}
		}
	}
	made := hookonce(t, "", nil, "keygen", "--out", filepath.Join(t.TempDir(), "new"))
	if strings.Contains(made.out+made.errs, "whsec_") {
		t.Errorf("keygen --out shows the secret: %+v", made)
	}
}

func TestAPairSignsAndVerifies(t *testing.T) {
	t.Parallel()
	private := filepath.Join(t.TempDir(), "private")
	public := hookonce(t, "", nil, "keygen", "--pair", "--out", private)
	info, err := os.Stat(private)
	if err != nil || info.Mode().Perm() != 0o600 || public.code != 0 || !strings.HasPrefix(public.out, "whpk_") {
		t.Fatalf("%+v %v", public, err)
	}
	request := hookonce(t, "", nil, "sign", "--secret-file", private)
	if got := hookonce(t, request.out, []string{"WEBHOOK_SECRET=" + public.out}, "verify", "--request", "-"); got.code != 0 {
		t.Errorf("%+v", got)
	}
}

func TestSvixHasHeadersOfItsOwn(t *testing.T) {
	t.Parallel()
	env := []string{"WEBHOOK_SECRET=" + core.GenerateSecret()}
	request := hookonce(t, "", env, "sign", "--scheme", "svix", "--id", "msg_1")
	if !strings.Contains(request.out, "Svix-Signature: v1,") || strings.Contains(request.out, "Webhook-") {
		t.Errorf("%s", request.out)
	}
	if got := hookonce(t, request.out, env, "verify", "--scheme", "svix", "--request", "-"); got.code != 0 || !strings.Contains(got.out, "id msg_1") {
		t.Errorf("%+v", got)
	}
}

func TestAPlaceholderIsTakenWhereThatIsNamed(t *testing.T) {
	t.Parallel()
	env := []string{"WEBHOOK_SECRET=secret"}
	request := hookonce(t, "", env, "sign", "--scheme", "github")
	if got := hookonce(t, request.out, env, "verify", "--scheme", "github", "--request", "-"); got.code != 2 || !strings.Contains(got.errs, "a placeholder") {
		t.Errorf("%+v", got)
	}
	for _, command := range []string{"verify", "explain"} {
		if got := hookonce(t, request.out, env, command, "--scheme", "github", "--request", "-", "--dangerously-accept-placeholders"); got.code != 0 {
			t.Errorf("%s: %+v", command, got)
		}
	}
}

func TestAVariableIsExplainedAsItIs(t *testing.T) {
	t.Parallel()
	secret := core.GenerateSecret()
	request := hookonce(t, "", nil, "sign", "--secret", secret).out
	for text, want := range map[string]string{
		secret + "\n":           "secret-newline (proven)",
		"\"" + secret + "\"":    "secret-quoted (proven)",
		"v1," + secret:          "secret-label (proven)",
		secret:                  "authentic",
		"whsec_" + secret[6:40]: "secret-refused",
	} {
		got := hookonce(t, request, []string{"WEBHOOK_SECRET=" + text}, "explain", "--request", "-")
		if !strings.HasPrefix(got.out, want) && want != "secret-refused" || (got.code == 0) != (want == "authentic") {
			t.Errorf("want %s: %+v", want, got)
		}
	}
}

func TestColoursAreForTerminals(t *testing.T) {
	t.Parallel()
	got := hookonce(t, "", []string{"WEBHOOK_SECRET=" + core.GenerateSecret()}, "send", "--to", "http://127.0.0.1:1", "--attempts", "1")
	if strings.Contains(got.out+got.errs, "\x1b") {
		t.Errorf("colours in a file: %q", got.out)
	}
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0) // a character device, as terminals are
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for _, tt := range []struct {
		env  []string
		want bool
	}{{nil, true}, {[]string{"NO_COLOR=1"}, false}, {[]string{"TERM=dumb"}, false}, {[]string{"NO_COLOR="}, true}} {
		c := newConsole(nil, null, null, func(name string) (string, bool) {
			i := slices.IndexFunc(tt.env, func(pair string) bool { return strings.HasPrefix(pair, name+"=") })
			if i < 0 {
				return "", false
			}
			return strings.TrimPrefix(tt.env[i], name+"="), true
		})
		if coloured := strings.Contains(c.bad("x"), "\x1b"); coloured != tt.want {
			t.Errorf("%q: coloured %v", tt.env, coloured)
		}
	}
}

func TestACapturedRequestNeedsItsTime(t *testing.T) {
	t.Parallel()
	env := []string{"WEBHOOK_SECRET=" + core.GenerateSecret()}
	request := hookonce(t, "", env, "sign", "--now", "1760000000").out
	for _, command := range []string{"verify", "explain"} {
		if got := hookonce(t, request, env, command, "--request", "-"); got.code != 1 || !strings.Contains(got.errs, "give its arrival time with --now") {
			t.Errorf("%s: %+v", command, got)
		}
		if got := hookonce(t, request, env, command, "--request", "-", "--now", "1760009999"); got.code != 1 || got.errs != "" {
			t.Errorf("%s with --now: %+v", command, got)
		}
	}
}

// TestTheCurlCommandIsForAShell runs it in a shell, with a function instead of curl.
func TestTheCurlCommandIsForAShell(t *testing.T) {
	t.Parallel()
	const body = "{\"a\": \"it's $HOME `x` \\\\ \n\"}"
	secret := core.GenerateSecret()
	got := hookonce(t, "", []string{"WEBHOOK_SECRET=" + secret}, "sign", "--print", "curl", "--url", "http://127.0.0.1:8080/hook?a=b&c=d", "--data", body)
	out, err := exec.Command("sh", "-c", "curl() { printf '%s\\0' \"$@\"; }\n"+got.out).Output()
	if err != nil {
		t.Fatal(err)
	}
	args := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	if args[len(args)-1] != body || !slices.Contains(args, "http://127.0.0.1:8080/hook?a=b&c=d") || !slices.Contains(args, "Content-Type: application/json") {
		t.Errorf("%q", args)
	}
}

func TestEveryCommandTakesTheSameFlags(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"keygen", "sign", "send", "verify", "explain", "listen"} {
		help := hookonce(t, "", nil, "help", name).out
		for _, flag := range []string{"scheme", "secret", "secret-file", "now", "url", "json"} {
			if !strings.Contains(help, "\n  --"+flag+" ") && !strings.Contains(help, "\n  --"+flag+"\n") {
				t.Errorf("%s has no --%s: %s", name, flag, help)
			}
		}
	}
}

// A capture without its body says nothing about the endpoint.
func TestACaptureWithoutABodyBlamesNobody(t *testing.T) {
	t.Parallel()
	env := []string{"WEBHOOK_SECRET=" + core.GenerateSecret()}
	head := "Content-Length: 26\n" + hookonce(t, "", env, "sign", "--print", "headers").out
	for name, tt := range map[string]struct{ command, request, want string }{
		"verify":                 {"verify", head, "refused: no-match: the capture does not include the body, and"},
		"explain":                {"explain", head, "unknown: the capture does not include the body, and"},
		"a header is missing":    {"explain", strings.ReplaceAll(head, "Webhook-Signature", "X"), "unknown: the capture does not include the body, and"},
		"the body was there":     {"explain", head + "\n", "body-consumed (seen): the body is empty"},
		"with its body":          {"explain", head + "\n" + exampleBody, "authentic"},
		"with another's body":    {"explain", head + "\n{}", "body-parsed (seen): "},
		"verify, body was there": {"verify", head + "\n", "refused: no-match: no signature matches"},
	} {
		if got := hookonce(t, tt.request, env, tt.command, "--request", "-"); !strings.HasPrefix(got.out, tt.want) || strings.Contains(got.out, "body-consumed") != strings.Contains(tt.want, "body-consumed") {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := hookonce(t, head, env, "explain", "--request", "-", "--body", file(t, exampleBody)); got.code != 0 {
		t.Errorf("--body: %+v", got)
	}
}

// Trimming white space silently would hide the very mistake that people look for.
func TestWhiteSpaceInAFileOfSecretsIsNoted(t *testing.T) {
	t.Parallel()
	secret := core.GenerateSecret()
	signed := hookonce(t, "", []string{"WEBHOOK_SECRET=" + secret}, "sign", "--print", "headers").out + "\n" + exampleBody
	const noted = "was ignored"
	for name, tt := range map[string]struct {
		text, request string
		want          bool
	}{
		"a newline, and the signature fits":         {secret + "\n", signed, true},
		"no white space":                            {secret, signed, false},
		"a newline, and another body":               {secret + "\n", signed[:len(signed)-2] + "x}", true},
		"a newline, and another mistake is proven":  {secret + "\n", signed + "\n", false},
		"CRLF as of an editor, and the secret fits": {secret + "\r\n", signed, true},
	} {
		got := hookonce(t, tt.request, nil, "explain", "--secret-file", file(t, tt.text), "--request", "-")
		if strings.Contains(got.errs, noted) != tt.want || strings.Contains(got.errs, secret) {
			t.Errorf("%s: %s%s", name, got.out, got.errs)
		}
	}
}

// Package core writes the name before each of its errors, and so does the program.
func TestTheNameIsWrittenOnce(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"an error alone":         errors.New("hookonce: no"),
		"an error of a command":  errors.New("seen: hookonce: no"),
		"an error in an error":   errors.New("seen: hookonce: no: hookonce: neither"),
		"two errors":             errors.Join(errors.New("hookonce: no"), errors.New("hookonce: neither")),
		"a mistake in the usage": fmt.Errorf("seen: %w", usageError("--key: hookonce: no")),
	} {
		if got := unnamed(err); strings.Contains(got, "hookonce: ") || !strings.Contains(got, "no") {
			t.Errorf("%s: it says %q", name, got)
		}
	}
	got := hookonce(t, "", nil, "seen", "show", "--store", "redis://127.0.0.1:1", "--namespace", "x", "--id", "msg_1")
	if got.code != 1 || strings.Count(got.errs, "hookonce: ") != 1 {
		t.Errorf("%+v", got)
	}
}
