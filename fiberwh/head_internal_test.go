package fiberwh

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
)

// parse reads a head as fasthttp does from a connection.
func parse(tb testing.TB, disableNormalizing bool, lines ...string) *fasthttp.RequestHeader {
	tb.Helper()
	h := new(fasthttp.RequestHeader)
	if disableNormalizing {
		h.DisableNormalizing()
	}
	host := "Host: example.com\r\n"
	if slices.ContainsFunc(lines, isHost) {
		host = "" // fasthttp refuses a second one
	}
	text := "POST /hook?a=b HTTP/1.1\r\n" + host + strings.Join(append(lines, ""), "\r\n") + "\r\n"
	if err := h.Read(bufio.NewReaderSize(strings.NewReader(text), len(text)+16)); err != nil {
		tb.Fatal(err)
	}
	return h
}

func isHost(line string) bool { return strings.HasPrefix(strings.ToLower(line), "host:") }

// plain is the header as it is without any memory of others.
func plain(h *fasthttp.RequestHeader) http.Header {
	header := make(http.Header)
	h.VisitAll(func(key, value []byte) { header.Add(string(key), string(value)) })
	header.Del("Host")
	return header
}

func TestAHeadInUsedMemoryIsThatOfItsRequest(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	names := []string{"Webhook-Id", "Webhook-Signature", "webhook-id", "Accept", "X-A", "x-a", "X-B", "Content-Type", "User-Agent", "Cookie", "host"}
	heads := make([]head, 3)
	for i := range heads {
		heads[i].header = make(http.Header)
	}
	shared := make(http.Header) // a scheme's
	var kept []string
	for i := range 20_000 {
		var lines []string
		switch rng.IntN(4) {
		case 0: // any lines
			for range rng.IntN(12) {
				line := fmt.Sprintf("%s: %d", names[rng.IntN(len(names))], i)
				if !isHost(line) || !slices.ContainsFunc(lines, isHost) {
					lines = append(lines, line)
				}
			}
		case 1: // more than are kept
			for k := range keepLines + rng.IntN(40) {
				lines = append(lines, fmt.Sprintf("X-%d: %d", k, i))
			}
		default: // what a sender sends, for the most part
			for _, name := range names[:2+rng.IntN(2)*8] {
				lines = append(lines, fmt.Sprintf("%s: %s%d", name, strings.Repeat("a", rng.IntN(40)), i))
			}
		}
		h := parse(t, rng.IntN(4) == 0, lines...)
		r := &heads[rng.IntN(len(heads))]
		if rng.IntN(10) == 0 {
			*r = head{header: make(http.Header)} // memory that has yet to grow
		}
		r.reset()
		r.fill(h)
		if r.Header == nil || len(shared) > 0 {
			t.Fatalf("Header is %v, and the map of a scheme %v", r.Header, shared)
		}
		if want := plain(h); !maps.EqualFunc(r.Header, want, slices.Equal) {
			t.Fatalf("%q\n became %q,\n want %q", lines, r.Header, want)
		}
		if r.Method != http.MethodPost || r.URL != "/hook?a=b" {
			t.Fatalf("%s %s", r.Method, r.URL)
		}
		if len(lines) > 0 && len(kept) < 100 && r.Header["X-A"] != nil {
			kept = append(kept, r.Header["X-A"][0])
			kept = append(kept, strings.Clone(kept[len(kept)-1]))
		}
		switch rng.IntN(12) { // what a scheme may do
		case 0:
			r.Header.Set("X-A", "mine")
		case 1:
			r.Header.Add("Webhook-Id", "mine")
		case 2:
			r.Header.Del("Webhook-Id")
		case 3:
			r.Header["Webhook-Id"], r.Header["Webhook-Signature"] = r.Header["Webhook-Signature"], r.Header["Webhook-Id"]
		case 4:
			r.Header["Webhook-Id"] = r.Header["Webhook-Signature"]
		case 5:
			for _, v := range r.Header {
				v[0] = "mine"
			}
		case 6:
			r.Header = r.Header.Clone()
		case 7:
			r.Header = nil
		case 8:
			r.Header = shared
		case 9:
			r.Header.Del("Webhook-Id")
			r.Header.Set("X-Mine", "mine")
		}
	}
	for i := 0; i < len(kept); i += 2 {
		if kept[i] != kept[i+1] {
			t.Errorf("text that was kept became %q, it was %q", kept[i], kept[i+1])
		}
	}
}

func TestAnUnusedHeadHoldsNothingOfARequest(t *testing.T) {
	t.Parallel()
	for _, lines := range [][]string{nil, {"Webhook-Id: msg_1", "X-A: 1"}, {"Webhook-Id: msg_1", "X-A: 1", "X-A: 2"}} {
		r := &head{header: make(http.Header)}
		r.fill(parse(t, false, lines...))
		r.Body = []byte("body")
		r.reset()
		if r.Method != "" || r.URL != "" || r.Body != nil || r.body != (body{}) {
			t.Errorf("it holds %+v", r.Request)
		}
		if slices.ContainsFunc(r.values[:cap(r.values)], func(s string) bool { return s != "" }) {
			t.Errorf("it holds %q", r.values[:cap(r.values)])
		}
		for name, v := range r.header {
			if strings.Join(v, "") != "" {
				t.Errorf("it holds %s: %q", name, v)
			}
		}
	}
}
