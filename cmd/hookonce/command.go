package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

// The exit statuses.
const (
	exitOK      = 0
	exitRefused = 1
	exitUsage   = 2
)

// errRefused ends a command with status 1; what there is to say was said.
var errRefused = errors.New("refused")

// usageError is a mistake of whoever typed the command. It has no secret, and nothing that could be one by a slip.
type usageError string

func (e usageError) Error() string { return string(e) }

// command is one verb. setUp declares its flags and returns what it does.
type command struct {
	name, does, more, example string

	setUp func(f *flag.FlagSet) action
}

type action func(ctx context.Context, c *console) error

func commands() []command {
	return []command{keygenCommand(), signCommand(), sendCommand(), verifyCommand(), explainCommand(), listenCommand()}
}

// run is the program. env looks up an environment variable.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, env func(string) (string, bool)) int {
	c := newConsole(stdin, stdout, stderr, env)
	err := dispatch(ctx, args, c)
	if err == nil {
		err = c.out.err // a disk that is full, say
	}
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errRefused):
		return exitRefused
	case errors.As(err, &usage):
		c.note("hookonce: %s", err)
	default:
		c.note("hookonce: %s", strings.TrimPrefix(err.Error(), "hookonce: "))
	}
	return exitUsage
}

func dispatch(ctx context.Context, args []string, c *console) error {
	if len(args) == 0 {
		return usageError("no command: hookonce --help lists them")
	}
	name, rest := args[0], args[1:]
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
		return usageError("no such command: hookonce --help lists them")
	}
	return all[i].run(ctx, rest, c)
}

func (v *command) run(ctx context.Context, args []string, c *console) error {
	f := flag.NewFlagSet(v.name, flag.ContinueOnError)
	f.SetOutput(io.Discard) // its messages quote what was typed, which may be a secret in the wrong place
	f.Usage = func() {}
	do := v.setUp(f)
	err := f.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		c.say("%s", v.help(f))
		return nil
	case err != nil:
		return usageError(v.name + ": " + withoutValue(f, err) + ": see hookonce help " + v.name)
	case f.NArg() > 0:
		return usageError(v.name + ": it takes flags only: see hookonce help " + v.name)
	}
	if err := do(ctx, c); err != nil {
		return fmt.Errorf("%s: %w", v.name, err)
	}
	return nil
}

// withoutValue says what package flag says, less the value.
func withoutValue(f *flag.FlagSet, err error) string {
	text := err.Error()
	found := ""
	f.VisitAll(func(fl *flag.Flag) {
		if strings.Contains(text, " -"+fl.Name+":") || strings.HasSuffix(text, " -"+fl.Name) {
			found = fl.Name
		}
	})
	if found == "" {
		return "a flag that it does not have"
	}
	if strings.HasPrefix(text, "flag needs an argument") {
		return "--" + found + " needs a value"
	}
	_, takes := flag.UnquoteUsage(f.Lookup(found))
	return "the value of --" + found + " cannot be read: " + takes
}

func overview() string {
	var b strings.Builder
	b.WriteString("hookonce signs, sends, verifies and receives webhooks, and says why one was refused.\n\n")
	for _, v := range commands() {
		fmt.Fprintf(&b, "  %-8s %s\n           %s\n", v.name, v.does, v.example)
	}
	b.WriteString(`
hookonce help COMMAND says more. Secrets come from --secret-file or the variable WEBHOOK_SECRET, several separated by white space; only keygen
prints one, unless it writes it to a file. The exit status is 0 for success or an authentic request, 1 for a refused request or a message that was not delivered, 2 for wrong usage.
`)
	return b.String()
}

func (v *command) help(f *flag.FlagSet) string {
	var b strings.Builder
	fmt.Fprintf(&b, "hookonce %s %s\n\n  %s\n\n", v.name, v.does, v.example)
	if v.more != "" {
		b.WriteString(v.more + "\n\n")
	}
	f.VisitAll(func(fl *flag.Flag) {
		value, text := flag.UnquoteUsage(fl)
		dashes := "--"
		if len(fl.Name) == 1 {
			dashes = "-"
		}
		fmt.Fprintf(&b, "  %s\n        %s\n", strings.TrimRight(dashes+fl.Name+" "+value, " "), strings.ReplaceAll(text, "\n", "\n        "))
	})
	return b.String()
}
