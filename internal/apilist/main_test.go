package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestListingHasWhatIsExportedAndNothingElse(t *testing.T) {
	t.Chdir("../..")
	var out bytes.Buffer
	if err := run(&out, []string{".", "otelwh"}); err != nil {
		t.Fatal(err)
	}
	got := out.String()
	for _, want := range []string{
		"# github.com/hookonce/hookonce/core\n",
		"func New(keys KeySource, seen SeenStore, config *Config) (*Verifier, error)\n",
		"func (v *Verifier) Verify(ctx context.Context, r *Request) (Message, error)\n",
		"\tDangerouslyReportOnly bool\n",
		"# github.com/hookonce/hookonce/otelwh\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("missing: %q", want)
		}
	}
	for _, not := range []string{"lazyContext", "func newLazyContext", "/internal/", "/examples/", "// New "} {
		if strings.Contains(got, not) {
			t.Errorf("has %q", not)
		}
	}
}
