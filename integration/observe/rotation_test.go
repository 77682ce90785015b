package observe_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hookonce/hookonce/core"
)

// TestTheEndOfARotationShows evaluates the expression in docs/observing.md, with half an hour
// instead of three days.
func TestTheEndOfARotationShows(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile("../../docs/observing.md")
	if err != nil {
		t.Fatal(err)
	}
	expr := regexp.MustCompile(`(?s)\n    (sum by \(hookonce_source, hookonce_key_id\).*?\n    \))`).FindStringSubmatch(string(document))
	if expr == nil {
		t.Fatal("the page has no such expression")
	}
	s := newSimulation(t, 10)
	with := func(key string) core.Event {
		e := good("acme")
		e.KeyID = key
		return e
	}
	inUse := func() string {
		keys := map[string]bool{}
		for _, sample := range s.query(strings.ReplaceAll(expr[1], "3d", "30m")) {
			keys[sample.Metric.Get("hookonce_key_id")] = true
		}
		return strings.Join(slices.Sorted(maps.Keys(keys)), " ")
	}
	for _, step := range []struct {
		name    string
		restart bool
		minutes int
		key     string
		want    string
	}{
		{"the sender has the old secret, and sends its first message", false, 1, "old", "old"},
		{"and more", false, 4, "old", "old"},
		{"it has the new one, not long ago", false, 20, "new", "new old"},
		{"for longer than it retries", false, 20, "new", "new"},
		{"one late retry with the old one, after a restart", true, 1, "old", "new old"},
		{"not long ago", false, 10, "new", "new old"},
		{"and none since", false, 30, "new", "new"},
	} {
		if step.restart {
			s.restart()
		}
		for range step.minutes {
			s.step(with(step.key))
		}
		if got := inUse(); got != step.want {
			t.Errorf("%s: in use are %q, want %q", step.name, got, step.want)
		}
	}
}
