package release_test

import (
	"regexp"
	"slices"
	"strings"
)

// section returns what a changelog says of a version. It is empty if there is no such section.
func section(changes, version string) string {
	_, text, found := strings.Cut("\n"+changes, "\n## ["+strings.TrimPrefix(version, "v")+"]")
	if !found {
		return ""
	}
	text, _, _ = strings.Cut(text, "\n## ")
	return text
}

// unlisted returns those lines whose name a section of the changelog does not have in code.
func unlisted(gone []string, section string) (all []string) {
	for _, line := range gone {
		_, declaration, _ := strings.Cut(line, ": ")
		if _, member, ok := strings.Cut(declaration, "{ "); ok { // of a struct or an interface
			declaration = member
		}
		declaration = regexp.MustCompile(`^(func( \([^)]*\))?|type|const|var) `).ReplaceAllString(declaration, "")
		name := regexp.MustCompile(`^\w+`).FindString(declaration)
		if !regexp.MustCompile("`[^`]*\\b" + name + "\\b[^`]*`").MatchString(section) {
			all = append(all, line)
		}
	}
	return all
}

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
