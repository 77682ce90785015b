// Package redact replaces secrets in texts that are shown or written to a file.
package redact

import (
	"encoding/base64"
	"slices"
	"strings"
)

// InPlace is the text that replaces a secret.
const InPlace = "[redacted]"

// List contains the texts to replace, longest first: a shorter text may be part
// of a longer one. Create one with [Texts]. A nil List replaces nothing.
type List []string

// Texts returns the secrets as they were configured, and the forms in which a
// request may contain them: without surrounding white space, and without a
// prefix such as whsec_.
func Texts(secrets ...string) List {
	var all List
	for _, text := range secrets {
		_, bare, _ := strings.Cut(text, "_") // whsec_ and the like
		for _, part := range []string{text, strings.TrimSpace(text), strings.TrimRight(bare, "=")} {
			if len(part) >= 4 { // shorter texts occur in every text
				all = append(all, part)
			}
		}
	}
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) }) // one text may begin with another
	return slices.Compact(all)
}

// Replace returns text without the secrets.
func (l List) Replace(text string) string {
	for _, secret := range l {
		text = strings.ReplaceAll(text, secret, InPlace)
	}
	return text
}

// Header is like Replace, for the value of a header. It also decodes basic
// authentication, whose password may be a secret.
func (l List) Header(value string) string {
	if word, text, ok := strings.Cut(value, " "); ok && strings.EqualFold(word, "Basic") {
		if plain, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text)); err == nil && l.Replace(string(plain)) != string(plain) {
			return word + " " + InPlace
		}
	}
	return l.Replace(value)
}
