package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

func signCommand() command {
	return command{
		name: "sign", does: "signs a message and prints the request",
		example: "hookonce sign --secret-file secret.txt --data '{\"type\":\"order.paid\"}' | hookonce verify --secret-file secret.txt --request -",
		more: "Where a scheme has time or signature in the body they must be there, as placeholders. Schemes that sign with a key that only the\n" +
			"sender has, or that sign nothing, cannot be signed.",
		setUp: func(f *flag.FlagSet) action {
			s := &signing{message: messageFlags(f)}
			f.StringVar(&s.form, "print", "request", "what to print, as `FORM`: request, headers or curl")
			return s.run
		},
	}
}

func printForms() []string { return []string{"request", "headers", "curl"} }

type signing struct {
	*message

	form string
}

func (s *signing) run(_ context.Context, c *console) error {
	if !slices.Contains(printForms(), s.form) {
		return noSuch("--print", s.form, printForms())
	}
	to := s.settings.URL
	if to == "" {
		to = "https://example.com/hook"
	}
	m, err := s.signer(c, to)
	if err != nil {
		return err
	}
	if err := m.sign(s.at()); err != nil {
		return err
	}
	switch {
	case s.json:
		c.object(signed{m.request.Method, m.address(), m.messageID(), first(m.sent()), m.request.Body, true})
	case s.form == "headers":
		c.say("%s", m.head("\n"))
	case s.form == "curl":
		text, err := m.curl()
		if err != nil {
			return err
		}
		c.say("%s", text)
	default:
		c.say("%s %s HTTP/1.1\r\nHost: %s\r\n%sContent-Length: %d\r\n\r\n%s",
			m.request.Method, m.request.URL, m.to.Host, m.head("\r\n"), len(m.request.Body), m.request.Body)
	}
	return nil
}

// signed is the form in JSON; Body is base64.
type signed struct {
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	ID      string            `json:"id,omitempty"`
	Headers map[string]string `json:"headers"`
	Body    []byte            `json:"body"`

	Base64 bool `json:"isBase64Encoded"` // always: under the name that readers know
}

func first(h map[string][]string) map[string]string {
	all := make(map[string]string, len(h))
	for name, values := range h {
		all[name] = values[0]
	}
	return all
}

// head are the headers in the order of their names.
func (s *signer) head(end string) string {
	var b strings.Builder
	h := s.sent()
	for _, name := range slices.Sorted(maps.Keys(h)) {
		b.WriteString(name + ": " + h[name][0] + end)
	}
	return b.String()
}

// curl is a command for a shell.
func (s *signer) curl() (string, error) {
	if !utf8.Valid(s.request.Body) || bytes.IndexByte(s.request.Body, 0) >= 0 {
		return "", usageError("the body is not text, which a command line cannot hold: take hookonce send")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "curl -i -X %s %s", s.request.Method, quoted(s.address()))
	for line := range strings.Lines(s.head("\n")) {
		b.WriteString(" \\\n  -H " + quoted(strings.TrimSuffix(line, "\n")))
	}
	b.WriteString(" \\\n  --data-raw " + quoted(string(s.request.Body)) + "\n")
	return b.String(), nil
}

// quoted is for any POSIX shell.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
