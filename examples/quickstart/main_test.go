package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestEverythingIsAsTheTableExpects(t *testing.T) {
	k := newKeys()
	var out bytes.Buffer
	began := time.Now()
	if err := run(t.Context(), &out, k, cases, false); err != nil {
		t.Errorf("run: %v\n%s", err, &out)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
	text := out.String()
	if strings.Contains(text, "\x1b[") {
		t.Error("colours, although none were asked for")
	}
	for _, secret := range []string{k.next, k.old, k.signing, k.globex, k.stranger, k.github} {
		if strings.Contains(text, secret) {
			t.Error("a secret is printed")
		}
	}
	_, why, _ := strings.Cut(text, "\nWhy:\n")
	for _, c := range cases(began, k) {
		if !strings.HasPrefix(c.want, "2") && !strings.Contains(why, c.name) {
			t.Errorf("no line says why %q was refused", c.name)
		}
	}
	// The line names what an operator must decide.
	for name, words := range map[string]string{
		"one id, another content":     "a test event with a constant id",
		"one id at another path":      "its own source",
		"… that delivery again":       "under the same unsigned ids",
		"… and beyond the bound":      "already ran 3 times for the same signed content (Config.Repeats is 2)",
		"… GitHub's own, still known": "under the same unsigned ids",
	} {
		found := false
		for line := range strings.Lines(why) {
			found = found || strings.HasPrefix(line, name+" ") && strings.Contains(line, words)
		}
		if !found {
			t.Errorf("no line says %q of %q:\n%s", words, name, why)
		}
	}
}

// TestDifferenceIsFound expects wrong results: a program that always succeeds would be worse than
// none.
func TestDifferenceIsFound(t *testing.T) {
	for _, name := range []string{"genuine, v1 (HMAC)", "tampered body", "exact replay of the first", "20 at once", "… and beyond the bound"} {
		t.Run(name, func(t *testing.T) {
			altered := func(now time.Time, k keys) []testCase {
				table := cases(now, k)
				for i := range table {
					if table[i].name == name {
						table[i].want = "418 teapot"
					}
				}
				return table
			}
			var out bytes.Buffer
			if err := run(t.Context(), &out, newKeys(), altered, true); !errors.Is(err, errDiffers) {
				t.Errorf("run: %v", err)
			}
			if got := strings.Count(out.String(), "(expected 418 teapot)"); got != 4 {
				t.Errorf("%d cells are marked, want 4", got)
			}
			if !strings.Contains(out.String(), "\x1b[31m") {
				t.Error("no cell is red")
			}
		})
	}
}
