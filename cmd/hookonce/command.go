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
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// errRefused ends a command with status 1; what there is to say was said.
var errRefused = errors.New("refused")

// usageError is a mistake of whoever typed the command. It has no secret, and
// nothing that could be one by a slip.
type usageError string

func (e usageError) Error() string { return string(e) }

// command is one verb. setUp declares its flags and returns what it does.
type command struct {
	name, does, more, example string

	argument string   // what it takes besides flags; empty: nothing
	words    []string // which are these
	setUp    func(f *flag.FlagSet) action
}

type action func(ctx context.Context, c *console) error

// group has the commands for one purpose.
type group struct {
	purpose  string
	commands []command
}

func groups() []group {
	return []group{
		{"Find out why a message was refused", []command{explainCommand(), verifyCommand()}},
		{"See and release what a store has", []command{seenCommand()}},
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
		return exitFailed
	case errors.As(err, &usage):
		c.note("hookonce: %s", printable(err.Error()))
		return exitUsage
	default: // a disk that is full, a port that is taken
		c.note("hookonce: %s", printable(strings.TrimPrefix(err.Error(), "hookonce: "))) // a server may have a say in it
		return exitFailed
	}
}

func dispatch(ctx context.Context, args []string, c *console) error {
	if len(args) == 0 {
		return usageError("no command: hookonce --help lists them")
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
		return usageError("no such command: " + didYouMean(name, names(all)) + "hookonce --help lists them")
	}
	return all[i].run(ctx, rest, c)
}

func (v *command) run(ctx context.Context, args []string, c *console) error {
	f := flag.NewFlagSet(v.name, flag.ContinueOnError)
	f.SetOutput(io.Discard) // its messages quote what was typed, which may be a secret in the wrong place
	f.Usage = func() {}
	do := v.setUp(f)
	err := f.Parse(args)
	if v.argument != "" && err == nil && f.NArg() > 1 { // flags may follow the word
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
		return usageError(v.name + ": " + withoutValue(f, err) + ", see hookonce help " + v.name)
	case f.NArg() > 0 && v.argument == "":
		return usageError(v.name + ": it takes flags only, see hookonce help " + v.name)
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
		return unknownFlag(f, text)
	}
	if strings.HasPrefix(text, "flag needs an argument") {
		return "--" + found + " needs a value"
	}
	_, takes := flag.UnquoteUsage(f.Lookup(found))
	return "the value of --" + found + " cannot be read: " + takes
}

// unknownFlag names the flag that was meant. What was typed may be a secret in
// the wrong place, so it is only shown where it is nearly a flag.
func unknownFlag(f *flag.FlagSet, text string) string {
	var known []string
	f.VisitAll(func(fl *flag.Flag) { known = append(known, fl.Name) })
	typed := strings.TrimLeft(text[strings.LastIndexByte(text, ' ')+1:], "-")
	if near := nearest(typed, known); near != "" {
		return "there is no flag --" + typed + ", but --" + near
	}
	return "there is no such flag"
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
	b.WriteString("hookonce signs, sends, verifies and receives webhooks, and says why one was refused.\n")
	for _, g := range groups() {
		b.WriteString("\n" + g.purpose + "\n\n")
		for _, v := range g.commands {
			fmt.Fprintf(&b, "  %-10s %s\n             %s\n", v.name, v.does, v.example)
		}
	}
	b.WriteString(`
hookonce help COMMAND says more. Secrets come from --secret-file or the variable WEBHOOK_SECRET, several separated by white space; only keygen
prints one, unless it writes it to a file. The exit status is 0 for success or an authentic request; 1 for a refused request, a message that was
not delivered, or a failure of the system, such as a port that is taken; 2 for wrong usage.
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
