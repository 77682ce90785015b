package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hookonce/hookonce/internal/nearest"
)

// The exit statuses.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// errRefused ends a command with status 1. The command has printed the reason.
var errRefused = errors.New("refused")

// usageError is a mistake in the command line. Its text never quotes input,
// which may be a secret in the wrong place.
type usageError string

func (e usageError) Error() string { return string(e) }

// command is one command. setUp declares its flags and returns its action.
type command struct {
	name, does, more, example string

	argument string   // the argument, as the usage line shows it; empty if the command takes only flags
	words    []string // the known values of the argument
	setUp    func(f *flag.FlagSet) action
}

type action func(ctx context.Context, c *console) error

// group holds the commands for one purpose.
type group struct {
	purpose  string
	commands []command
}

func groups() []group {
	return []group{
		{"Find out why a message was refused", []command{explainCommand(), verifyCommand()}},
		{"Inspect and release records in a store", []command{seenCommand()}},
		{"Receive messages", []command{listenCommand()}},
		{"Send messages", []command{sendCommand(), signCommand()}},
		{"Set up", []command{schemesCommand(), keygenCommand(), completionCommand(), versionCommand()}},
	}
}

func commands() []command {
	var all []command
	for _, g := range groups() {
		all = append(all, g.commands...)
	}
	return all
}

// run runs the program. env looks up an environment variable.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, env func(string) (string, bool)) int {
	c := newConsole(stdin, stdout, stderr, env)
	err := dispatch(ctx, args, c)
	if err == nil {
		err = c.out.err // a full disk, for example
	}
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errRefused):
		return exitFailed
	case errors.As(err, &usage):
		c.note("hookonce: %s", printable(unnamed(err)))
		return exitUsage
	default: // a full disk, a port in use
		c.note("hookonce: %s", printable(unnamed(err))) // part of the text may come from a server
		return exitFailed
	}
}

// unnamed returns the text of an error without the name that package core
// writes before its errors, because the program writes that name itself.
func unnamed(err error) string {
	text := strings.TrimPrefix(err.Error(), "hookonce: ")
	return strings.NewReplacer(": hookonce: ", ": ", "\nhookonce: ", "\n").Replace(text)
}

func dispatch(ctx context.Context, args []string, c *console) error {
	if len(args) == 0 {
		return usageError("the command is missing; `hookonce --help` lists the commands")
	}
	name, rest := args[0], args[1:]
	if slices.Contains([]string{"-version", "--version"}, name) {
		name = "version"
	}
	help := slices.Contains([]string{"help", "-h", "-help", "--help"}, name)
	if help && len(rest) == 0 {
		c.say("%s", overview())
		return nil
	}
	if help {
		name, rest = rest[0], []string{"--help"}
	}
	all := commands()
	i := slices.IndexFunc(all, func(v command) bool { return v.name == name })
	if i < 0 {
		return usageError("unknown command; " + didYouMean(name, names(all)) + "`hookonce --help` lists the commands")
	}
	return all[i].run(ctx, rest, c)
}

func (v *command) run(ctx context.Context, args []string, c *console) error {
	f := flag.NewFlagSet(v.name, flag.ContinueOnError)
	f.SetOutput(io.Discard) // its messages quote the input, which may be a secret in the wrong place
	f.Usage = func() {}
	do := v.setUp(f)
	err := f.Parse(args)
	if v.argument != "" && err == nil && f.NArg() > 1 { // flags may follow the argument
		word := f.Arg(0)
		if err = f.Parse(f.Args()[1:]); err == nil {
			err = f.Parse(append([]string{"--", word}, f.Args()...))
		}
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		c.say("%s", v.help(f))
		return nil
	case err != nil:
		return usageError(v.name + ": " + withoutValue(f, err) + "; see hookonce help " + v.name)
	case f.NArg() > 0 && v.argument == "":
		return usageError(v.name + ": unexpected argument; see hookonce help " + v.name)
	}
	if err := do(ctx, c); err != nil {
		return fmt.Errorf("%s: %w", v.name, err)
	}
	return nil
}

// withoutValue returns the message of package flag without the value.
func withoutValue(f *flag.FlagSet, err error) string {
	text := err.Error()
	found := ""
	f.VisitAll(func(fl *flag.Flag) {
		if strings.Contains(text, " -"+fl.Name+":") || strings.HasSuffix(text, " -"+fl.Name) {
			found = fl.Name
		}
	})
	if found == "" {
		return unknownFlag(f, text)
	}
	if strings.HasPrefix(text, "flag needs an argument") {
		return "--" + found + " needs a value"
	}
	_, takes := flag.UnquoteUsage(f.Lookup(found))
	takes, _, _ = strings.Cut(takes, ". ")
	return "--" + found + ": invalid value (" + takes + ")"
}

// unknownFlag returns the error for an unknown flag, with the flag that was
// probably meant. The input may be a secret in the wrong place, so it is shown
// only if it is close to a known flag.
func unknownFlag(f *flag.FlagSet, text string) string {
	var known []string
	f.VisitAll(func(fl *flag.Flag) { known = append(known, fl.Name) })
	typed := strings.TrimLeft(text[strings.LastIndexByte(text, ' ')+1:], "-")
	if near := nearest.Word(typed, known); near != "" {
		return "unknown flag --" + typed + " (did you mean --" + near + "?)"
	}
	return "unknown flag"
}

func names(all []command) []string {
	var list []string
	for _, v := range all {
		list = append(list, v.name)
	}
	return list
}

func overview() string {
	var b strings.Builder
	b.WriteString("hookonce signs, sends, verifies and receives webhooks, and explains why one was\nrefused.\n\nUsage: hookonce COMMAND [flags]\n")
	for _, g := range groups() {
		b.WriteString("\n" + g.purpose + "\n\n")
		for _, v := range g.commands {
			fmt.Fprintf(&b, "  %-10s  %s\n              %s\n", v.name, v.does, v.example)
		}
	}
	b.WriteString(`
Run 'hookonce help COMMAND' for the flags of a command.

Secrets come from --secret-file or from the environment variable WEBHOOK_SECRET,
separated by white space. Only keygen prints a secret, unless it writes it to a
file.

Exit status:

  0  success, or the request is authentic
  1  the request was refused, the message was not delivered, or the system
     failed: for example, a port was in use
  2  usage error
`)
	return b.String()
}

// onlySomeSchemes returns the flags that few schemes need. They come last in
// the help of a command.
func onlySomeSchemes() []string {
	return []string{"answer-handshakes", "audience", "dangerously-replayable", "sandbox", "scheme-header", "scheme-prefix", "verify-token"}
}

func (v *command) help(f *flag.FlagSet) string {
	var b strings.Builder
	usage, some := "hookonce "+v.name, []string{"", ""}
	if v.argument != "" {
		usage += " " + v.argument
	}
	f.VisitAll(func(fl *flag.Flag) {
		value, text := flag.UnquoteUsage(fl)
		dashes, at := "--", 0
		if len(fl.Name) == 1 {
			dashes = "-"
		}
		if slices.Contains(onlySomeSchemes(), fl.Name) {
			at = 1
		}
		some[at] += fmt.Sprintf("  %s\n%s\n", strings.TrimRight(dashes+fl.Name+" "+value, " "), wrapped(text, "        "))
	})
	if some[0] != "" {
		usage += " [flags]"
	}
	fmt.Fprintf(&b, "Usage: %s\n\n%s\n\n  %s\n", usage, wrapped(strings.ToUpper(v.does[:1])+v.does[1:]+".", ""), v.example)
	if v.more != "" {
		b.WriteString("\n" + wrapped(v.more, "") + "\n")
	}
	for i, title := range []string{"Flags", "Flags for some schemes"} {
		if some[i] != "" {
			b.WriteString("\n" + title + ":\n\n" + some[i])
		}
	}
	return b.String()
}

// helpWidth is the width of a terminal.
const helpWidth = 80

// wrapped breaks each line of text at spaces and indents it. Lines that begin
// with a space stay as they are.
func wrapped(text, indent string) string {
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		if line == "" || line[0] == ' ' {
			lines = append(lines, line)
			continue
		}
		words := strings.Fields(line)
		now := indent + words[0]
		for _, word := range words[1:] {
			if utf8.RuneCountInString(now)+1+utf8.RuneCountInString(word) > helpWidth {
				lines, now = append(lines, now), indent+word
				continue
			}
			now += " " + word
		}
		lines = append(lines, now)
	}
	return strings.Join(lines, "\n")
}
