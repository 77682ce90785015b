//go:build go1.27

package nethttp_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/hookonce/hookonce/internal/adaptertest"
	"github.com/hookonce/hookonce/nethttp"
)

// What docs/troubleshooting.md says of Go 1.27.

func TestAServerOfGo127AnswersManyHeaderValuesItself(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lines, tail string
		status      int
	}{
		"500 values with Host":           {strings.Repeat("X-A: b\r\n", 498), "Content-Length: 0\r\n\r\n", http.StatusBadRequest},
		"501 values with Host":           {strings.Repeat("X-A: b\r\n", 499), "Content-Length: 0\r\n\r\n", http.StatusRequestHeaderFieldsTooLarge},
		"400 names of trailers":          {"Trailer: " + strings.Repeat("A,", 399) + "A\r\n", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", http.StatusBadRequest},
		"501 names of trailers":          {"Trailer: " + strings.Repeat("A,", 500) + "A\r\n", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", http.StatusRequestHeaderFieldsTooLarge},
		"501 names, and no chunked body": {"Trailer: " + strings.Repeat("A,", 500) + "A\r\n", "Content-Length: 0\r\n\r\n", http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, _ := pair(t, nil)
			asked := false
			wh := nethttp.New(v)(http.NotFoundHandler())
			target := adaptertest.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked = true
				wh.ServeHTTP(w, r)
			}))
			conn, err := net.Dial("tcp", strings.TrimPrefix(target, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			fmt.Fprint(conn, "POST /hook HTTP/1.1\r\nHost: a\r\n"+c.lines+c.tail)
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			// 400 is ours: it has no signature.
			if resp.StatusCode != c.status || asked != (c.status == http.StatusBadRequest) {
				t.Errorf("answered %d, a handler was asked: %v", resp.StatusCode, asked)
			}
		})
	}
}

func TestGo127MarshalsOtherBytes(t *testing.T) {
	t.Parallel()
	const before = `{"a":"\ufffd"}` // what older versions write for the same value
	b, err := json.Marshal(map[string]string{"a": "\xff"})
	if err != nil || string(b) == before || string(b) != "{\"a\":\"\uFFFD\"}" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestGo127StopsAProgramThatSetsARemovedGODEBUG(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		setting string
		stops   bool
	}{{"tls10server=1", true}, {"asynctimerchan=1", true}, {"tls10server=0", false}} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
		cmd.Env = append(os.Environ(), "GODEBUG="+c.setting)
		out, err := cmd.CombinedOutput()
		if (err != nil) != c.stops || c.stops && !strings.Contains(string(out), "removed GODEBUG") {
			t.Errorf("%s: %v\n%s", c.setting, err, out)
		}
	}
}
