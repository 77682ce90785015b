package fasthttpwh

import (
	"bufio"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/hookonce/hookonce/core"
)

// connection is a connection on which each request reuses the memory of the
// previous one.
type connection struct{ ctx fasthttp.RequestCtx }

// read parses the headers of a request as fasthttp does.
func (conn *connection) read(tb testing.TB, lines []string) *request {
	tb.Helper()
	host := "Host: example.com\r\n"
	if slices.ContainsFunc(lines, isHost) {
		host = "" // fasthttp refuses a second one
	}
	text := "POST /hook?a=b HTTP/1.1\r\n" + host + strings.Join(append(lines, ""), "\r\n") + "\r\n"
	if err := conn.ctx.Request.Header.Read(bufio.NewReaderSize(strings.NewReader(text), len(text)+16)); err != nil {
		tb.Fatal(err)
	}
	return newRequest(&conn.ctx, nil, nil)
}

// accepts reports whether fasthttp accepts the line as a header.
func accepts(line string) bool {
	text := "POST / HTTP/1.1\r\nHost: a\r\n" + line + "\r\n\r\n"
	return new(fasthttp.RequestHeader).Read(bufio.NewReader(strings.NewReader(text))) == nil
}

func isHost(line string) bool { return strings.HasPrefix(strings.ToLower(line), "host:") }

// plain returns the header by net/http's rules.
func plain(h *fasthttp.RequestHeader) http.Header {
	header := make(http.Header)
	h.VisitAll(func(key, value []byte) { header.Add(string(key), string(value)) })
	header.Del("Host")
	return header
}

func TestARequestHasTheHeadersThatAMapOfThemWouldHave(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	names := []string{
		"Webhook-Id", "Webhook-Signature", "webhook-id", "WEBHOOK-ID", "Accept", "X-A", "x-a", "X-B", "Content-Type", "User-Agent", "Cookie", "host",
		"X-Twilio-Email-Event-Webhook-Signature", "Connection", "X-K", "X-Empty",
	}
	if accepts("X-\u212A: a") { // that folds to X-K. fasthttp refuses it since a version after 1.51
		names = append(names, "X-\u212A")
	}
	conns := make([]connection, 3)
	for i := range conns {
		if i == 2 {
			conns[i].ctx.Request.Header.DisableNormalizing()
		}
	}
	type text struct{ kept, was string }
	var texts []text
	for i := range 5_000 {
		var lines []string
		for range rng.IntN(20) {
			line := fmt.Sprintf("%s: %d%s", names[rng.IntN(len(names))], i, strings.Repeat("a", rng.IntN(60)))
			if strings.HasPrefix(line, "X-Empty") {
				line = "X-Empty:"
			}
			if !isHost(line) || !slices.ContainsFunc(lines, isHost) {
				lines = append(lines, line)
			}
		}
		conn := &conns[rng.IntN(len(conns))]
		r := conn.read(t, lines)
		want := plain(&conn.ctx.Request.Header)
		if got := r.Clone(); !maps.EqualFunc(got, want, slices.Equal) {
			t.Fatalf("%q\n became %q,\n want %q", lines, got, want)
		}
		extended := []string{"mine"}
		for range 12 {
			name := names[rng.IntN(len(names))]
			got := core.Header(r).Values(name)
			if first := core.Header(r).Get(name); first != want.Get(name) {
				t.Errorf("Get(%q) is %q, want %q", name, first, want.Get(name))
			}
			if expected := want.Values(name); !slices.Equal(got, expected) {
				t.Fatalf("%q\n has %s %q, want %q", lines, name, got, expected)
			}
			for _, value := range got {
				texts = append(texts, text{value, strings.Clone(value)})
			}
			if extended[len(extended)-1] != "mine" {
				t.Fatalf("%s is written into what was appended to other values", name)
			}
			extended = append(got, "mine") //nolint:gocritic // what the next values must not overwrite
		}
		if r.Method != http.MethodPost || r.URL != "/hook?a=b" {
			t.Fatalf("%s %s", r.Method, r.URL)
		}
		texts = append(texts, text{r.URL, "/hook?a=b"})
	}
	for _, v := range texts {
		if v.kept != v.was {
			t.Fatalf("text that was kept became %q, it was %q", v.kept, v.was)
		}
	}
	if len(texts) < 10_000 {
		t.Errorf("only %d texts were looked at", len(texts))
	}
}

func TestAKeptTextDoesNotKeepTheBody(t *testing.T) {
	t.Parallel()
	conn := connection{}
	r := conn.read(t, []string{"Webhook-Id: msg_1"})
	id := r.Values("Webhook-Id")[0]
	r.Body = []byte("body")
	r.forget()
	if r.Body != nil || r.c != nil || id != "msg_1" {
		t.Errorf("%q keeps the body %q and the context %p", id, r.Body, r.c)
	}
}
