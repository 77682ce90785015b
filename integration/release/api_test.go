package release_test

import (
	"slices"
	"strings"
)

// gone returns the lines of one API listing that another one lacks: what was removed or changed,
// each with its package and, for a field, its type.
func gone(before, after string) []string {
	have := located(after)
	var gone []string
	for _, line := range located(before) {
		if !slices.Contains(have, line) {
			gone = append(gone, line)
		}
	}
	return gone
}

// located adds the package to every line, and the declaration to the lines inside it.
func located(listing string) []string {
	var all []string
	var pkg, declaration string
	for line := range strings.Lines(listing) {
		switch line = strings.TrimSuffix(line, "\n"); {
		case line == "":
			continue
		case strings.HasPrefix(line, "# "):
			pkg = strings.TrimPrefix(line, "# ") + ": "
			continue
		case strings.HasPrefix(line, "\t") && declaration != "":
			all = append(all, pkg+declaration+" "+strings.TrimSpace(line))
			continue
		}
		declaration = line
		all = append(all, pkg+line)
	}
	return all
}
