package schemes_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/schemes"
)

// TestTheTableOfProvidersIsTrue compares docs/providers.md with what each scheme says of a genuine message.
func TestTheTableOfProvidersIsTrue(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/providers.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := make(map[string][]string)
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if len(cells) >= 5 {
			rows[strings.Trim(strings.TrimSpace(cells[0]), "`")] = cells
		}
	}
	for _, name := range schemes.Names() {
		if len(rows[name]) != 7 {
			t.Errorf("docs/providers.md has no row of 7 cells for %s", name)
			continue
		}
		source, read := strings.TrimSpace(rows[name][5]), strings.TrimSpace(rows[name][6])
		_, day := time.Parse(time.DateOnly, read)
		_, month := time.Parse("2006-01", read)
		if day != nil && month != nil {
			t.Errorf("%s was read at %q, which is no day or month", name, read)
		}
		if name != "token" && !strings.Contains(source, "](https://") {
			t.Errorf("%s has the source %q, which is no link", name, source)
		}
		if _, commit, ok := strings.Cut(source, "@"); ok && strings.Contains(source, "/blob/") {
			if short, _, _ := strings.Cut(commit, "]"); len(short) != 7 || !strings.Contains(source, "/blob/"+short) {
				t.Errorf("%s: the link does not lead to the commit that %q names", name, source)
			}
		}
	}
	now := time.Unix(1_700_000_000, 0).UTC()
	for name, s := range subjects() {
		row := rows[name]
		if row == nil {
			continue // one of two subjects of a scheme
		}
		m, err := verifier(t, s.scheme, now, s.secret).Verify(t.Context(), s.sign(s.secret, "msg_1", now, []byte("{}")))
		if err != nil {
			t.Fatal(err)
		}
		body := "yes"
		if !m.BodySigned {
			body = "**no**"
		}
		stamp := map[core.Stamping]string{
			core.NotStamped: "none", core.StampedOnce: "message", core.StampedEachAttempt: "attempt", core.NotIdentified: "none",
		}[s.scheme.Stamping()]
		by := "signed text"
		switch {
		case m.Replayable:
			by = "**nothing**"
		case m.IDSigned:
			by = "id"
		}
		window := "5m"
		if w, ok := s.scheme.(core.Windower); ok {
			if past, _ := w.Window(); past != 0 {
				window = strings.TrimSuffix(strings.Replace(past.String(), "m0s", "m", 1), "h0m")
				if past < time.Minute {
					window = fmt.Sprintf("%ds", int(past.Seconds()))
				}
			}
		}
		if stamp == "none" {
			window = "–"
		}
		got := strings.TrimSpace(row[1])
		if by == "id" && strings.HasPrefix(got, "body: ") {
			by = got
		}
		if got != by || row[2] != stamp || strings.TrimSpace(row[3]) != body || strings.TrimSpace(row[4]) != window {
			t.Errorf("the row of %s is %q, and should say: %s | %s | %s | %s", name, row, by, stamp, body, window)
		}
	}
}
