package main

import (
	"context"
	"flag"
	"maps"
	"slices"
	"strings"

	"github.com/hookonce/hookonce/internal/capture"
)

func signCommand() command {
	return command{
		name: "sign", does: "sign a message and print the request",
		example: "hookonce sign --secret-file secret.txt --data '{\"type\":\"order.paid\"}' | hookonce verify --secret-file secret.txt --request -",
		more: "If a scheme puts the timestamp or the signature in the body, the body must have placeholders for them. sign cannot sign for a scheme if " +
			"only the sender has the signing key, or if the scheme signs nothing.",
		setUp: func(f *flag.FlagSet) action {
			s := &signing{message: messageFlags(f)}
			f.StringVar(&s.form, "print", "request", "what to print, a `FORM`: request, headers or curl. Default: request")
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
		return noSuch("--print has an unknown value", s.form, printForms())
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

// signed is the result in JSON. Body is base64.
type signed struct {
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	ID      string            `json:"id,omitempty"`
	Headers map[string]string `json:"headers"`
	Body    []byte            `json:"body"`

	Base64 bool `json:"isBase64Encoded"` // always true; programs that read events check this name
}

func first(h map[string][]string) map[string]string {
	all := make(map[string]string, len(h))
	for name, values := range h {
		all[name] = values[0]
	}
	return all
}

// head returns the headers, sorted by name.
func (s *signer) head(end string) string {
	var b strings.Builder
	h := s.sent()
	for _, name := range slices.Sorted(maps.Keys(h)) {
		b.WriteString(name + ": " + h[name][0] + end)
	}
	return b.String()
}

// curl returns a shell command.
func (s *signer) curl() (string, error) {
	lines := strings.Split(strings.TrimSuffix(s.head("\n"), "\n"), "\n")
	text, err := capture.Curl(s.request.Method, s.address(), lines, s.request.Body)
	if err != nil {
		return "", usageError(err.Error() + ": use hookonce send")
	}
	return text, nil
}

// quoted quotes text for any POSIX shell.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
