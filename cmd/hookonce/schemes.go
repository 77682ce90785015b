package main

import (
	"context"
	"flag"
	"net/http"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/hookonce/hookonce/internal/nearest"
	"github.com/hookonce/hookonce/internal/senders"
	"github.com/hookonce/hookonce/schemes"
)

func schemesCommand() command {
	return command{
		name: "schemes", does: "list the schemes, or guess the sender of a captured request",
		example: "hookonce schemes --guess --request request.txt", argument: "[TEXT]", words: schemes.Names(),
		more: "Without TEXT, schemes lists all schemes, by field. With TEXT, it lists those whose name, field or headers contain the text.\n\nFor each " +
			"scheme it shows the headers that the scheme reads, what identifies a message, which time is signed, whether the body is signed, and the " +
			"evidence. The evidence is the sender's own libraries that it was tested with, a published test vector, and which sources were read on " +
			"which date.\n\n--guess looks only at the headers. It prints the likely senders, best first, each with the headers that point to it. If it " +
			"finds none, the exit status is 1.",
		setUp: func(f *flag.FlagSet) action {
			s := new(listing)
			f.BoolVar(&s.guess, "guess", false, "guess the sender of the request in --request from its headers")
			requestFlag(f, &s.request)
			jsonFlag(f, &s.json)
			return func(_ context.Context, c *console) error {
				switch {
				case s.guess && f.NArg() > 0:
					return usageError("--guess takes no TEXT: pass the captured request with --request FILE")
				case s.guess:
					return s.guessSender(c)
				case s.request.request != "":
					return usageError("--request needs --guess")
				case f.NArg() > 1:
					return usageError("there is more than one TEXT: quote a text that has spaces")
				}
				return s.list(c, f.Arg(0))
			}
		},
	}
}

type listing struct {
	guess   bool
	request captured
	json    bool
}

// listed is one scheme in JSON.
type listed struct {
	Name         string     `json:"name"`
	Group        string     `json:"group"`
	Headers      [][]string `json:"headers,omitempty"`
	IdentifiedBy string     `json:"identifiedBy"`
	Time         string     `json:"time"`
	Body         string     `json:"body"`
	Tolerance    string     `json:"tolerance,omitempty"`
	Source       string     `json:"source"`
	Read         string     `json:"read"`

	senders.Evidence
}

func (s *listing) list(c *console, text string) error {
	groups, err := senders.Groups()
	if err != nil {
		return err
	}
	matches := 0
	for _, g := range groups {
		g.Senders = slices.DeleteFunc(g.Senders, func(s senders.Sender) bool { return !matching(text, g.Name, s.Name) })
		if len(g.Senders) == 0 {
			continue
		}
		matches += len(g.Senders)
		if s.json {
			for _, one := range g.Senders {
				c.object(listed{
					one.Name, g.Name, senders.Headers(one.Name), unmarked(one.IdentifiedBy), one.Time, unmarked(one.Body), strings.Trim(one.Tolerance, "–"),
					one.Source, one.Read, one.Evidence,
				})
			}
			continue
		}
		if matches > len(g.Senders) {
			c.say("\n")
		}
		c.say("%s\n\n%s", g.Name, table(g.Senders))
	}
	if matches == 0 {
		return usageError("no scheme has this text in its name, field or headers; " + didYouMeanScheme(text) + "`hookonce schemes` lists all schemes")
	}
	return nil
}

// matching reports whether one of a sender's names, its group or its headers
// contain the text, ignoring case.
func matching(text, group, name string) bool {
	words := name + "\n" + strings.Join(nearest.OtherNames(name), "\n") + "\n" + group + "\n" + senders.HeaderText(name, strings.Clone)
	return strings.Contains(strings.ToLower(words), strings.ToLower(text))
}

// table prints one sender per line, in aligned columns.
func table(all []senders.Sender) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	lines := []string{"  NAME\tIDENTIFIED BY\tTIME\tBODY SIGNED\tHEADERS\tEVIDENCE"}
	for _, s := range all {
		headers := senders.HeaderText(s.Name, strings.Clone)
		if headers == "" {
			headers = "–"
		}
		lines = append(lines, "  "+strings.Join([]string{s.Name, unmarked(s.IdentifiedBy), s.Time, unmarked(s.Body), headers, s.Proof()}, "\t"))
	}
	_, _ = w.Write([]byte(strings.Join(lines, "\n") + "\n")) // to memory
	_ = w.Flush()
	return b.String()
}

// unmarked returns a cell without Markdown.
func unmarked(cell string) string { return strings.NewReplacer("*", "", "`", "").Replace(cell) }

func (s *listing) guessSender(c *console) error {
	req, err := s.request.read(c)
	if err != nil {
		return err
	}
	header, _ := req.Header.(http.Header)
	candidates := senders.NewGuesser().Guess(header)
	for i, one := range candidates {
		if s.json {
			c.object(one)
			continue
		}
		likely := "or "
		if i == 0 {
			likely = "probably "
		}
		if len(one.Names) > 1 {
			likely += "one of "
		}
		c.say("%s%s: %s\n", likely, strings.Join(one.Names, ", "), strings.Join(one.Headers, ", "))
	}
	if len(candidates) == 0 {
		c.note("hookonce: no known scheme finds a signature in these headers. Some senders sign within the body, and some only send a token: `hookonce schemes` lists all schemes")
		return errRefused
	}
	return nil
}
