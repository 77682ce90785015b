package main

import (
	"encoding/base64"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxShown bounds what is shown of a body.
const maxShown = 4 << 10

// hidden are texts that are never shown and never written to a file: the
// secrets, and tokens of handshakes.
type hidden []string

// hide makes them of secrets, the ones of others included.
func (c *common) hide(texts []string, others ...[]string) hidden {
	var all hidden
	for _, list := range append(others, texts, []string{c.settings.VerifyToken}) {
		for _, text := range list {
			_, bare, _ := strings.Cut(text, "_") // whsec_ and the like
			for _, part := range []string{text, strings.TrimSpace(text), strings.TrimRight(bare, "=")} {
				if len(part) >= 4 { // shorter ones are in every text
					all = append(all, part)
				}
			}
		}
	}
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) }) // one may begin with another
	return slices.Compact(all)
}

const inPlace = "[redacted]"

func (h hidden) replace(text string) string {
	for _, secret := range h {
		text = strings.ReplaceAll(text, secret, inPlace)
	}
	return text
}

// header also looks into the passwords of basic authentication.
func (h hidden) header(value string) string {
	if word, text, ok := strings.Cut(value, " "); ok && strings.EqualFold(word, "Basic") {
		if plain, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text)); err == nil && h.replace(string(plain)) != string(plain) {
			return word + " " + inPlace
		}
	}
	return h.replace(value)
}

// body is what can be shown of one.
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

// uncut takes away the start of a secret that the cut left at the end.
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

// printable replaces what a terminal obeys, except line ends.
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
