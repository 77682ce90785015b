package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
)

// posted sends a request unchanged and returns the response.
func posted(t *testing.T, to, request string) (*http.Response, string) {
	t.Helper()
	conn := dialed(t, to)
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// signedHeaders returns the headers of a message with this body.
func signedHeaders(t *testing.T, secret, body string) string {
	t.Helper()
	head := hookonce(t, "", nil, "sign", "--secret", secret, "--print", "headers", "--data", body, "--id", "msg_1")
	if head.code != 0 {
		t.Fatalf("%+v", head)
	}
	return strings.ReplaceAll(strings.TrimSuffix(head.out, "\n"), "\n", "\r\n")
}

// told returns the deliveries that were printed as JSON.
func told(t *testing.T, l *receiving) []received {
	t.Helper()
	var all []received
	for _, line := range l.ended(t)[1:] {
		var r received
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		all = append(all, r)
	}
	return all
}

func TestWhatVerifiedIsForwardedAsItArrived(t *testing.T) {
	t.Parallel()
	for _, framework := range frameworks() {
		t.Run(framework, func(t *testing.T) {
			t.Parallel()
			var target, method, host string
			app := newEndpoint(t, func(w http.ResponseWriter, r *http.Request) {
				target, method, host = r.RequestURI, r.Method, r.Host
				w.Header().Set("X-App", "yes")
				w.Header().Set("Keep-Alive", "no")
				w.Header()["Content-Type"] = nil
				w.WriteHeader(http.StatusAccepted)
				_, _ = io.WriteString(w, "done\x1b[31m\n")
			})
			secret, body := core.GenerateSecret(), "{\"a\": 1}\r\n \x01"
			l := startListening(t, "--framework", framework, "--secret-file", file(t, secret), "--json", "--count", "3", "--forward-to", app.URL)
			head := signedHeaders(t, secret, body)
			request := "PUT /hook/%7Ea//b?c=%20&d HTTP/1.1\r\nHost: public.example\r\n" + head + "\r\nX-Twice: 1\r\nX-Twice: 2\r\nX-Hop: 3\r\nConnection: X-Hop\r\n" +
				"Transfer-Encoding: chunked\r\n\r\n2\r\n" + body[:2] + "\r\n" + strconv.FormatInt(int64(len(body)-2), 16) + "\r\n" + body[2:] + "\r\n0\r\n\r\n"
			resp, text := posted(t, l.url, request)
			if resp.StatusCode != http.StatusAccepted || text != "done\x1b[31m\n" || resp.Header.Get("X-App") != "yes" || resp.Header.Get("Keep-Alive") != "" || resp.Header["Content-Type"] != nil {
				t.Errorf("the sender gets %d %v %q", resp.StatusCode, resp.Header, text)
			}
			posted(t, l.url, request)                                                          // a replay
			posted(t, l.url, strings.Replace(request, body[2:], strings.ToUpper(body[2:]), 1)) // not authentic
			if app.count() != 1 || app.bodies[0] != body || method != "PUT" || target != "/hook/%7Ea//b?c=%20&d" || host != strings.TrimPrefix(app.URL, "http://") {
				t.Errorf("%d requests: %s %s at %s, %q", app.count(), method, target, host, app.bodies)
			}
			want := http.Header{"X-Twice": {"1", "2"}, "Content-Length": {strconv.Itoa(len(body))}}
			for line := range strings.SplitSeq(head, "\r\n") {
				name, value, _ := strings.Cut(line, ": ")
				want.Set(name, value)
			}
			if got := app.headers[0]; fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("headers\n%v\nwant\n%v", got, want)
			}
			all := told(t, l)
			if f := all[0].Forwarded; f == nil || f.Status != 202 || f.Body != "done\ufffd[31m" || f.Millis < 0 || all[0].Reason != core.Handled {
				t.Errorf("%+v", all[0].Forwarded)
			}
			if all[1].Forwarded != nil || all[2].Forwarded != nil || all[1].Reason != core.ErrReplay || all[2].Reason != core.ErrNoMatch {
				t.Errorf("%+v", all)
			}
		})
	}
}

func TestTheApplicationDecidesWhetherTheSenderTriesAgain(t *testing.T) {
	t.Parallel()
	for _, framework := range frameworks() {
		t.Run(framework, func(t *testing.T) {
			t.Parallel()
			app := newEndpoint(t, status(500), status(307, "Location", "https://u:p@b.example/c?token=x"), func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, status(204))
			secret := file(t, core.GenerateSecret())
			l := startListening(t, "--framework", framework, "--secret-file", secret, "--json", "--count", "4", "--forward-to", strings.TrimPrefix(app.URL, "http://")+"/own?x")
			got := hookonce(t, "", nil, "send", "--to", l.url+"?y", "--secret-file", secret, "--schedule", "0,1100ms,1100ms,1100ms", "--jitter", "0")
			if got.code != 0 || !strings.Contains(got.out, "on attempt 4") || !strings.Contains(got.errs, "307 Temporary Redirect to https://b.example/c, not followed") {
				t.Errorf("%+v", got)
			}
			want := []received{
				{Status: 500, Reason: core.ErrHandlerFailed, Forwarded: &forwarded{Status: 500}},
				{Status: 307, Reason: core.ErrHandlerFailed, Forwarded: &forwarded{Status: 307, Redirect: "https://b.example/c"}},
				{Status: 502, Reason: core.ErrHandlerFailed, Forwarded: &forwarded{Error: "EOF"}},
				{Status: 204, Reason: core.Handled, Forwarded: &forwarded{Status: 204}},
			}
			for i, r := range told(t, l) {
				r.Forwarded.Millis = 0
				if r.Status != want[i].Status || r.Reason != want[i].Reason || *r.Forwarded != *want[i].Forwarded {
					t.Errorf("%d: %+v, forwarded %+v", i, r, r.Forwarded)
				}
			}
		})
	}
}

func TestADeadTargetIsABadGateway(t *testing.T) {
	t.Parallel()
	app := newEndpoint(t, status(200))
	app.Close()
	secret := file(t, core.GenerateSecret())
	l := startListening(t, "--secret-file", secret, "--count", "1", "--forward-to", app.URL)
	if got := hookonce(t, "", nil, "send", "--to", l.url, "--secret-file", secret); got.code != 1 || !strings.Contains(got.errs, "502 Bad Gateway") {
		t.Errorf("%+v", got)
	}
	if text := strings.Join(l.ended(t), "\n"); !strings.Contains(text, " 502 handler-failed msg_") || !strings.Contains(text, "forwarded: dial tcp 127.0.0.1:") {
		t.Error(text)
	}
}

func TestATargetThatTakesTooLongIsATimeout(t *testing.T) {
	t.Parallel()
	app := newEndpoint(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	f, err := newForwarder(app.URL, nil, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	x := &exchange{method: "POST", target: "/", header: http.Header{}}
	if r := f.forward(ctx, x); r.status != http.StatusGatewayTimeout || x.forwarded.Error == "" {
		t.Errorf("%d: %+v", r.status, x.forwarded)
	}
}

func TestALargeResponseIsNotPassedBack(t *testing.T) {
	t.Parallel()
	written := make(chan int, 1)
	app := newEndpoint(t, func(w http.ResponseWriter, _ *http.Request) {
		n, err := 0, error(nil)
		for part := make([]byte, maxReply); n < 100*maxReply && err == nil; n += maxReply {
			_, err = w.Write(part)
		}
		written <- n
	})
	f, err := newForwarder(app.URL, nil, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	x := &exchange{method: "POST", target: "/", header: http.Header{}}
	if r := f.forward(t.Context(), x); r.status != 200 || len(r.body) != 0 || !strings.Contains(x.forwarded.Error, "1 MiB") || x.forwarded.Body != "(the body is not text)" {
		t.Errorf("%d: %+v", r.status, x.forwarded)
	}
	if n := <-written; n >= 100*maxReply {
		t.Errorf("all %d bytes of it were read", n)
	}
}

func TestWhereADeliveryIsForwarded(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ to, delivered, want string }{
		{"http://a", "/b?c", "http://a/b?c"},
		{"localhost:3000", "/b", "http://localhost:3000/b"},
		{"https://a/own", "/b?c", "https://a/own?c"},
		{"https://a/own%2F?d", "/b?c", "https://a/own%2F?d"},
		{"http://a", "/b%2Fc//d?", "http://a/b%2Fc//d?"},
		{"http://a", "http://other/b?c", "http://a/b?c"},
		{"http://a", "*", "http://a/*"},
	} {
		f, err := newForwarder(tt.to, nil, time.Now)
		if err != nil {
			t.Errorf("%s: %v", tt.to, err)
			continue
		}
		if got := f.target(tt.delivered); got != tt.want {
			t.Errorf("%s to %s: %s, want %s", tt.delivered, tt.to, got, tt.want)
		}
	}
	for _, to := range []string{"ftp://a", "http://", "http://u:p@a/", "http://a#b", "3000", "/hook"} {
		f, err := newForwarder(to, nil, time.Now)
		if to == "3000" && err == nil && f.to.Host == "3000" {
			continue // a name like any other
		}
		if err == nil {
			t.Errorf("%s is taken", to)
		}
	}
}

var savedName = regexp.MustCompile(`^([0-9]{10})-[0-9]{4}-([0-9]{3})-([a-z-]+)\.txt$`)

func TestWhatWasSavedIsVerifiedAgain(t *testing.T) {
	t.Parallel()
	for _, framework := range frameworks() {
		t.Run(framework, func(t *testing.T) {
			t.Parallel()
			secret, other := core.GenerateSecret(), core.GenerateSecret()
			dir := filepath.Join(t.TempDir(), "saved")
			l := startListening(t, "--framework", framework, "--secret-file", file(t, secret), "--json", "--count", "6", "--save", dir, "--max-body", "1000")
			body := file(t, "{\"a\": 1}\r\n\x00\xff\n")
			for _, args := range [][]string{
				{"--secret", secret, "--body", body},
				{"--secret", secret, "--body", body, "--now", "1760000000"},
				{"--secret", other, "--id", "msg_3"},
				{"--secret", secret, "--data", strings.Repeat("a", 2000)},
			} {
				hookonce(t, "", nil, append([]string{"send", "--to", l.url + "?a=%20b"}, args...)...)
			}
			posted(t, l.url, "POST /hook HTTP/1.1\r\nHost: a\r\nX-Leak: Bearer "+secret+"\r\nX-Bare: "+secret[6:]+"\r\nAuthorization: Basic "+basic("u:"+secret)+"\r\n"+
				"Transfer-Encoding: chunked\r\n\r\n2\r\n{\"\r\n"+strconv.FormatInt(int64(len(secret)), 16)+"\r\n"+secret+"\r\n0\r\n\r\n")
			head := signedHeaders(t, secret, "{}")
			posted(t, l.url, "POST /../../etc/passwd HTTP/1.1\r\nHost: a\r\n"+strings.ReplaceAll(head, "msg_1", "../../etc/passwd")+"\r\nContent-Length: 2\r\n\r\n{}")
			want := []string{"200 handled", "401 outside-window", "401 no-match", "413 body-too-large", "400 missing-header", "400 malformed"}
			names := make([]string, 0, len(want))
			for i, r := range told(t, l) {
				m := savedName.FindStringSubmatch(r.Saved)
				if m == nil || m[2]+" "+m[3] != want[i] {
					t.Fatalf("saved as %q, want %s", r.Saved, want[i])
				}
				names = append(names, r.Saved)
			}
			entries, err := os.ReadDir(dir)
			if err != nil || len(entries) != len(want) {
				t.Fatalf("%v %v", entries, err)
			}
			for i, name := range names {
				info, err := os.Stat(filepath.Join(dir, name))
				if err != nil || info.Mode().Perm() != 0o600 {
					t.Errorf("%s: %v %v", name, info.Mode(), err)
				}
				text, err := os.ReadFile(filepath.Join(dir, name))
				if strings.Contains(string(text), "Transfer-Encoding") {
					t.Errorf("%s says that the body has chunks:\n%s", name, text)
				}
				if err != nil || strings.Contains(string(text), secret[6:]) || strings.Contains(string(text), basic("u:"+secret)) {
					t.Errorf("%s holds the secret, or %v:\n%s", name, err, text)
				}
				if i == 3 {
					continue // cut at the limit
				}
				now, code := name[:10], 1
				if i == 0 {
					code = 0
				}
				got := hookonce(t, "", nil, "verify", "--secret", secret, "--request", filepath.Join(dir, name), "--now", now)
				if got.code != code || code == 1 && !strings.Contains(got.out, strings.Fields(want[i])[1]) || got.errs != "" {
					t.Errorf("%s: %+v", name, got)
				}
			}
			if got := hookonce(t, "", nil, "explain", "--secret", secret, "--request", filepath.Join(dir, names[1]), "--now", names[1][:10]); !strings.HasPrefix(got.out, "timestamp-past (proven)") {
				t.Errorf("%+v", got)
			}
		})
	}
}

func basic(text string) string {
	r := http.Request{Header: http.Header{}}
	user, password, _ := strings.Cut(text, ":")
	r.SetBasicAuth(user, password)
	return strings.TrimPrefix(r.Header.Get("Authorization"), "Basic ")
}

func TestSavingHasBounds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := newSaver(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	x := &exchange{method: "PO ST\r\n", target: "/a b\r\n", host: "a\r\nb", header: http.Header{"A": {"b\r\nc"}}}
	at := time.Unix(1_760_000_000, 0)
	if err := os.WriteFile(filepath.Join(dir, "1760000000-0001-200-handled.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	name, err := s.save(x, at, 200, core.Handled)
	if err != nil || name != "1760000000-0002-200-handled.txt" {
		t.Errorf("%s %v: an earlier file is in its place", name, err)
	}
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil || string(text) != "PO%20ST%0D%0A /a%20b%0D%0A HTTP/1.1\r\nHost: a  b\r\nA: b  c\r\n\r\n" {
		t.Errorf("%q %v", text, err)
	}
	if info, err := os.Stat(filepath.Join(dir, "1760000000-0001-200-handled.txt")); err != nil || info.Size() != 0 {
		t.Errorf("it was written over: %v", err)
	}
	s.files = maxSaved
	if _, err := s.save(x, at, 200, core.Handled); err == nil {
		t.Error("too many are saved")
	}
	if name, err := s.save(x, at, 200, core.Handled); name != "" || err != nil {
		t.Errorf("said again: %s %v", name, err)
	}
	s.files, s.ended, s.bytes = 0, nil, maxSavedBytes
	if _, err := s.save(x, at, 200, core.Handled); err == nil {
		t.Error("too much is saved")
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("%v %v", entries, err)
	}
	got := hookonce(t, "", nil, "listen", "--secret", core.GenerateSecret(), "--addr", "127.0.0.1:0", "--save", filepath.Join(dir, name))
	if got.code != 2 || !strings.Contains(got.errs, "--save: the directory cannot be used: not a directory") {
		t.Errorf("a file as the directory: %+v", got)
	}
	if _, err := newSaver(filepath.Join(dir, "new"), nil); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(filepath.Join(dir, "new")); err != nil || info.Mode() != 0o700|fs.ModeDir {
		t.Errorf("%v %v", info, err)
	}
}

func TestABodyIsKeptUpToALimit(t *testing.T) {
	t.Parallel()
	x := new(exchange)
	for range 3 {
		x.keep([]byte("1234"), 10)
	}
	x.keep([]byte("5"), 10)
	if got := string(x.bytes()); got != "1234123412" {
		t.Error(got)
	}
}

func TestTypeHeadersAndBodyAreShownWhenAskedFor(t *testing.T) {
	t.Parallel()
	secret := core.GenerateSecret()
	l := startListening(t, "--secret-file", file(t, secret), "--count", "2", "--show", "type,headers,body")
	hookonce(t, "", nil, "send", "--to", l.url, "--secret", secret, "--header", "X-Own: "+secret, "--data", "{\"type\":\"order.paid\",\"x\":\"\u009b31m"+secret+"\"}\n{}")
	hookonce(t, "", nil, "send", "--to", l.url, "--secret", secret, "--id", "msg_2", "--data", `{"event":"order.sent"}`)
	lines := l.ended(t)
	text := strings.Join(lines, "\n")
	for _, want := range []string{
		"\n           Content-Type: application/json\n", "\n           X-Own: [redacted]\n", "\n           {\"type\":\"order.paid\",\"x\":\"\ufffd31m[redacted]\"}\n           {}\n",
		"\n         type: order.sent\n", "\n           {\"event\":\"order.sent\"}",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	if strings.Contains(text, secret[6:]) {
		t.Error("the secret is shown")
	}
}

// If the cut splits a secret, none of its start is shown.
func TestASecretAtTheCutIsNotShown(t *testing.T) {
	t.Parallel()
	h := hidden{"whsec_abcdefghij"}
	for n := range 20 {
		body := strings.Repeat("x", maxShown-n) + "whsec_abcdefghij" + strings.Repeat("x", 50)
		if shown := h.body([]byte(body)); strings.Contains(shown, "w") {
			t.Errorf("%d: %s", n, shown[len(shown)-30:])
		}
	}
}
