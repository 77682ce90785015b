package capture

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hookonce/hookonce/internal/redact"
)

// Lines returns the headers of a request, sorted by name, without connection
// headers and without secrets.
func Lines(h http.Header, hide redact.List) []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(h)) {
		if name == "Transfer-Encoding" || name == "Host" { // chunks are joined, and the host is written separately
			continue
		}
		for _, value := range h[name] {
			all = append(all, oneLine(name+": "+hide.Header(value)))
		}
	}
	return all
}

// Raw writes a request as it is on the wire, and as Read reads it. Chunks are
// joined, and secrets are replaced.
func Raw(method, target, host string, h http.Header, body []byte, hide redact.List) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", oneWord(method), oneWord(hide.Replace(target)), oneLine(hide.Replace(host)))
	for _, line := range Lines(h, hide) {
		b.WriteString(line + "\r\n")
	}
	b.WriteString("\r\n" + hide.Replace(string(body)))
	return b.String()
}

// ErrNotText reports a request that cannot be written as a command.
var ErrNotText = errors.New("the request is not text or has control characters, so a command line cannot contain it")

// Curl writes a command for any POSIX shell.
func Curl(method, address string, lines []string, body []byte) (string, error) {
	for _, text := range append([]string{method, address, string(body)}, lines...) {
		if !utf8.ValidString(text) || strings.ContainsFunc(text, obeyed) {
			return "", ErrNotText
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "curl -i -X %s %s", quoted(method), quoted(address))
	for _, line := range lines {
		b.WriteString(" \\\n  -H " + quoted(line))
	}
	b.WriteString(" \\\n  --data-raw " + quoted(string(body)) + "\n")
	return b.String(), nil
}

// obeyed reports whether a terminal interprets r when the text is pasted.
func obeyed(r rune) bool { return unicode.IsControl(r) && r != '\t' && r != '\n' && r != '\r' }

// quoted quotes text for a shell, unless it is a plain word.
func quoted(text string) string {
	if text != "" && strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// oneLine replaces characters that end a line: fasthttp allows them.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\r' || r == '\n' || r == 0 {
			return ' '
		}
		return r
	}, text)
}

// oneWord escapes characters that would end a part of the request line.
func oneWord(text string) string {
	return strings.NewReplacer(" ", "%20", "\r", "%0D", "\n", "%0A", "\x00", "%00").Replace(text)
}
