package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/hookonce/hookonce/internal/senders"
	"github.com/hookonce/hookonce/schemes"
)

func TestEverySchemeIsListedWithItsHeadersAndEvidence(t *testing.T) {
	t.Parallel()
	text, asJSON := hookonce(t, "", nil, "schemes"), hookonce(t, "", nil, "schemes", "--json")
	if text.code != 0 || text.errs != "" || asJSON.code != 0 || asJSON.errs != "" {
		t.Fatalf("%+v\n%+v", text, asJSON)
	}
	lines := make(map[string]string)
	for line := range strings.Lines(text.out) {
		if fields := strings.Fields(line); strings.HasPrefix(line, "  ") && fields[0] != "NAME" {
			lines[fields[0]] = line
		}
	}
	var names []string
	for line := range strings.Lines(asJSON.out) {
		var one listed
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		names = append(names, one.Name)
		row := lines[one.Name]
		wants := append(slices.Clone(one.Judged), one.IdentifiedBy, one.Time, one.Body, one.Read)
		for _, family := range one.Headers {
			wants = append(wants, family[:min(2, len(family))]...)
		}
		for _, want := range wants {
			if !strings.Contains(row, want) {
				t.Errorf("the line of %s lacks %q: %s", one.Name, want, row)
			}
		}
		if strings.Contains(row, "vector") != (len(one.Vectors) > 0) || strings.ContainsAny(row, "*`") {
			t.Errorf("the line of %s: %s", one.Name, row)
		}
	}
	slices.Sort(names)
	if !slices.Equal(names, schemes.Names()) || len(lines) != len(names) {
		t.Errorf("%d objects and %d lines for %d names", len(names), len(lines), len(schemes.Names()))
	}
}

func TestAListOfSchemesIsNarrowedByText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"stripe": {"stripe"}, "X-HUB-SIGNATURE-256": {"github", "meta", "whatsapp"}, "shops": {"shopify", "etsy"},
		"Forgejo": {"gitea"}, "facebook": {"meta"},
	} {
		got := hookonce(t, "", nil, "schemes", text)
		if got.code != 0 {
			t.Errorf("%q: %+v", text, got)
		}
		for _, name := range want {
			if !strings.Contains(got.out, "\n  "+name+" ") {
				t.Errorf("%q: %s is not listed", text, name)
			}
		}
		if strings.Contains(got.out, "\n  slack ") {
			t.Errorf("%q: slack is listed", text)
		}
	}
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"strpe"}, "did you mean stripe?"},
		{[]string{"github-app"}, "did you mean github?"},
		{[]string{"nothing-like-it"}, "`hookonce schemes` lists all schemes"},
		{[]string{"stripe", "paddle"}, "one TEXT"},
		{[]string{"--request", "x"}, "--request needs --guess"},
		{[]string{"--guess"}, "--request FILE"},
		{[]string{"--guess", "stripe"}, "no TEXT"},
	} {
		got := hookonce(t, "", nil, append([]string{"schemes"}, tt.args...)...)
		if got.code != 2 || got.out != "" || strings.Count(got.errs, "\n") != 1 || !strings.Contains(got.errs, tt.want) {
			t.Errorf("%q: %+v", tt.args, got)
		}
	}
}

func TestTheSenderOfACaptureIsGuessed(t *testing.T) {
	t.Parallel()
	const hub = "X-Hub-Signature-256: sha256=0000000000000000000000000000000000000000000000000000000000000000\n"
	for name, tt := range map[string]struct {
		header string
		code   int
		want   string
	}{
		"one":                     {hub + "X-GitHub-Event: push\n", 0, "probably github: X-Github-Event, X-Hub-Signature-256\nor one of meta, whatsapp: X-Hub-Signature-256\n"},
		"several that sign alike": {hub, 0, "probably one of github, meta, whatsapp: X-Hub-Signature-256\n"},
		"none":                    {"Authorization: Bearer x\n", 1, ""},
	} {
		request := "POST / HTTP/1.1\n" + tt.header + "\n{}"
		got := hookonce(t, request, nil, "schemes", "--guess", "--request", "-")
		if got.code != tt.code || got.out != tt.want || (got.errs == "") != (tt.code == 0) {
			t.Errorf("%s: %+v", name, got)
		}
		got = hookonce(t, request, nil, "schemes", "--guess", "--json", "--request", "-")
		var first senders.Candidate
		line, _, _ := strings.Cut(got.out, "\n")
		if err := json.Unmarshal([]byte(line), &first); got.code != tt.code || tt.code == 0 && (err != nil || !strings.HasSuffix(strings.Split(tt.want, ":")[0], strings.Join(first.Names, ", "))) {
			t.Errorf("%s as JSON: %+v", name, got)
		}
	}
}
