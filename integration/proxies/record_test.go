package proxies_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var corpus = flag.String("corpus", "", "folder to write requests to whose refusal explain does not name, as they arrived")

// record writes those requests, two at most of a kind: for whoever works on package explain.
func record(t *testing.T, rows []row) {
	t.Helper()
	if *corpus == "" {
		return
	}
	seen := make(map[string]int)
	for i := range rows {
		for j := range rows[i].outcomes {
			o := &rows[i].outcomes[j]
			if !o.refused() {
				continue
			}
			right, a, verdict := o.signed.right(o.sent, o.arrived), o.arrived, o.judge()
			if verdict == named {
				continue
			}
			kind := fmt.Sprint(o.sender.signs, right, words(a.found), verdict)
			if seen[kind]++; seen[kind] > 2 || len(a.body) > 128<<10 {
				continue
			}
			var b bytes.Buffer
			fmt.Fprintf(&b, "# proxy:   %s, %s\n# request: %s\n# scheme:  %s, which signs %s\n# secret:  %s\n# address: %s (schemes.Settings.URL)\n", rows[i].name, rows[i].setting, o.shape,
				o.sender.name, o.sender.signs, o.sender.secret, public)
			fmt.Fprintf(&b, "# sent to: %s %s\n# changed: %s\n# right:   %s\n", o.sent.Method, o.sent.URL, strings.Join(o.signed.list(), ", "), right)
			for line := range strings.SplitSeq(a.found.String(), "\n") {
				fmt.Fprintf(&b, "# said:    %s\n", line)
			}
			fmt.Fprintf(&b, "# sent body: %q\n", o.sent.Body[:min(len(o.sent.Body), 400)])
			b.WriteString("# the request as it arrived follows\n")
			fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: hooks.example\r\n", a.method, a.target)
			for name, values := range a.header {
				for _, v := range values {
					fmt.Fprintf(&b, "%s: %s\r\n", name, v)
				}
			}
			b.WriteString("\r\n")
			b.Write(a.body)
			name := fmt.Sprintf("%02d-%s-%s-%s", len(seen), rows[i].name, o.sender.name, o.shape)
			name = strings.Map(func(r rune) rune {
				if slices.Contains([]rune{' ', '/', '`', '%', ','}, r) {
					return '_'
				}
				return r
			}, name)
			if err := os.WriteFile(filepath.Join(*corpus, name+".txt"), b.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}
