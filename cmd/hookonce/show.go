package main

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hookonce/hookonce/internal/redact"
)

// maxShown bounds the part of a body that is shown.
const maxShown = 4 << 10

// hidden holds the texts that are never shown or written to a file: the
// secrets, and the tokens of handshakes.
type hidden redact.List

// hide returns the hidden texts for secrets, including those of others.
func (c *common) hide(texts []string, others ...[]string) hidden {
	return hidden(redact.Texts(slices.Concat(append(others, texts, []string{c.settings.VerifyToken})...)...))
}

func (h hidden) replace(text string) string { return redact.List(h).Replace(text) }

// body returns the part of a body that can be shown.
func (h hidden) body(body []byte) string {
	cut := len(body) > maxShown
	if cut {
		body = body[:maxShown]
	}
	text := string(body)
	for i := 0; cut && i < utf8.UTFMax && !utf8.ValidString(text); i++ { // a character across the cut
		text = text[:len(text)-1]
	}
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return "(the body is not text)"
	}
	text = printable(strings.TrimRight(h.replace(h.uncut(text, cut)), "\r\n"))
	if cut {
		text += " …"
	}
	return text
}

// uncut removes an incomplete secret at the end of a text that was cut.
func (h hidden) uncut(text string, cut bool) string {
	for _, secret := range h {
		for n := len(secret) - 1; cut && n > 0; n-- {
			if strings.HasSuffix(text, secret[:n]) {
				return text[:len(text)-n]
			}
		}
	}
	return text
}

// printable replaces characters that a terminal interprets, except line ends.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || unicode.IsPrint(r):
			return r
		case r == '\t':
			return ' '
		case r == '\r':
			return -1
		default:
			return '\ufffd'
		}
	}, text)
}

func indented(text, by string) string {
	return by + strings.ReplaceAll(text, "\n", "\n"+by)
}
