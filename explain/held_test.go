package explain_test

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/explain"
	"github.com/hookonce/hookonce/internal/capture"
	"github.com/hookonce/hookonce/schemes"
)

// Real tools made these mistakes: testdata/held/make.py recorded the requests, and list.tsv names
// the tool for each. Neither this package nor its tests made any of them.
func TestMistakesOfRealToolsAreNamedOnTheFirstLine(t *testing.T) {
	t.Parallel()
	const folder = "testdata/held"
	list, err := os.ReadFile(filepath.Join(folder, "list.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(strings.TrimSpace(string(list)), "\n")[1:]
	files, err := filepath.Glob(folder + "/*.http")
	if err != nil || len(files) != len(rows) || len(rows) < 60 {
		t.Fatalf("%d files, %d rows, %v", len(files), len(rows), err)
	}
	for _, row := range rows {
		f := strings.Split(row, "\t")
		name, scheme, url, want, tool, command := f[0], f[1], f[2], f[3], f[4], f[5]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(filepath.Join(folder, name+".http"))
			if err != nil {
				t.Fatal(err)
			}
			r, err := capture.Read(text)
			if err != nil {
				t.Fatal(err)
			}
			in := input{
				Config:  &core.Config{Clock: func() time.Time { return time.Unix(1_760_000_000, 0) }},
				Keys:    core.Secrets("whsec_" + base64.StdEncoding.EncodeToString([]byte("our secret of thirty-two bytes!!"))),
				Request: &r.Request,
			}
			if scheme != "standard" {
				if in.Config.Scheme, err = schemes.New(scheme, schemes.Settings{URL: url}); err != nil {
					t.Fatal(err)
				}
				in.Keys = core.Secrets(freeSecret)
			}
			e := in.explain(t.Context())
			if line := firstLine(e); !strings.HasPrefix(line, want) {
				t.Errorf("%s, %s: want %q, got: %s", tool, command, want, line)
			}
			if e.Authentic || len(e.Findings) > 0 && e.Findings[0].Mistake == explain.Unknown {
				t.Errorf("%s, %s: nothing is named: %s", tool, command, firstLine(e))
			}
		})
	}
}
