package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/hookonce/hookonce/schemes"
)

func completionCommand() command {
	return command{
		name: "completion", does: "print a completion script for a shell",
		example: "source <(hookonce completion bash)", argument: "bash|zsh|fish",
		words: []string{"bash", "zsh", "fish"},
		more: "To install it for bash, zsh or fish:\n\n" +
			"  echo 'source <(hookonce completion bash)' >>~/.bashrc\n" +
			"  hookonce completion zsh >\"${fpath[1]}/_hookonce\"\n" +
			"  hookonce completion fish >~/.config/fish/completions/hookonce.fish",
		setUp: func(f *flag.FlagSet) action {
			return func(_ context.Context, c *console) error {
				shells := map[string]func([]completed) string{"bash": bash, "zsh": zsh, "fish": fish}
				known := []string{"bash", "zsh", "fish"}
				write := shells[f.Arg(0)]
				switch {
				case f.NArg() != 1:
					return usageError("give one shell: bash, zsh or fish")
				case write == nil:
					return noSuch("unknown shell", f.Arg(0), known)
				}
				c.say("%s", write(completions()))
				return nil
			}
		},
	}
}

// completed is a command with its flags.
type completed struct {
	name, does string
	flags      []completedFlag
	words      []string // known arguments
}

type completedFlag struct {
	name   string
	value  bool     // the flag takes a value
	file   bool     // the value is a file or a directory
	values []string // known values
}

// completions returns all commands and help.
func completions() []completed {
	known := map[string][]string{
		"scheme": schemes.Names(), "framework": frameworkNames(), "print": printForms(), "schedule": scheduleNames(), "show": showParts(),
	}
	all := []completed{{name: "help", does: "describe a command", words: names(commands())}}
	for _, v := range commands() {
		f := flag.NewFlagSet(v.name, flag.ContinueOnError)
		f.SetOutput(io.Discard)
		v.setUp(f)
		c := completed{name: v.name, does: v.does, words: v.words}
		f.VisitAll(func(fl *flag.Flag) {
			value, _ := flag.UnquoteUsage(fl)
			c.flags = append(c.flags, completedFlag{fl.Name, value != "", value == "FILE" || value == "DIR", known[fl.Name]})
		})
		all = append(all, c)
	}
	return all
}

// arms returns the case arms for bash and zsh. values completes the value of a
// flag, with each flag once. following completes the words that may follow a
// command.
func arms(all []completed, words func([]string) string, files string) (values, following string) {
	var lists, texts, paths []string
	var b, after strings.Builder
	for _, c := range all {
		var options []string
		for _, f := range c.flags {
			option := "--" + f.name
			options = append(options, option)
			switch {
			case f.values != nil && !slices.Contains(lists, option):
				lists = append(lists, option)
				fmt.Fprintf(&b, "    %s) %s; return ;;\n", option, words(f.values))
			case f.file:
				paths = append(paths, option)
			case f.value && f.values == nil:
				texts = append(texts, option)
			}
		}
		fmt.Fprintf(&after, "    %s) %s ;;\n", c.name, words(append(slices.Clone(c.words), options...)))
	}
	for _, arm := range []struct {
		options []string
		does    string
	}{{paths, files}, {texts, ":"}} {
		slices.Sort(arm.options)
		fmt.Fprintf(&b, "    %s) %s; return ;;\n", strings.Join(slices.Compact(arm.options), "|"), arm.does)
	}
	return b.String(), after.String()
}

func bash(all []completed) string {
	words := func(list []string) string {
		return `COMPREPLY=($(compgen -W "` + strings.Join(list, " ") + `" -- "$cur"))`
	}
	values, following := arms(all, words, `compopt -o filenames; COMPREPLY=($(compgen -f -- "$cur"))`)
	var names []string
	for _, c := range all {
		names = append(names, c.name)
	}
	return `# bash completion for hookonce: source <(hookonce completion bash)
_hookonce() {
  local cur=${COMP_WORDS[COMP_CWORD]} IFS=$' \t\n'
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then ` + words(names) + `; return; fi
  case ${COMP_WORDS[COMP_CWORD-1]} in
` + values + `  esac
  case ${COMP_WORDS[1]} in
` + following + `  esac
}
complete -F _hookonce hookonce
`
}

func zsh(all []completed) string {
	words := func(list []string) string { return "compadd -- " + strings.Join(list, " ") }
	values, following := arms(all, words, "_files")
	var b strings.Builder
	for _, c := range all {
		b.WriteString(" " + quoted(c.name+":"+c.does))
	}
	return `#compdef hookonce
# zsh completion for hookonce: hookonce completion zsh >"${fpath[1]}/_hookonce"
_hookonce() {
  if (( CURRENT == 2 )); then
    local -a commands=(` + strings.TrimPrefix(b.String(), " ") + `)
    _describe command commands
    return
  fi
  case $words[CURRENT-1] in
` + values + `  esac
  case $words[2] in
` + following + `  esac
}
if [ "$funcstack[1]" = "_hookonce" ]; then _hookonce "$@"; else compdef _hookonce hookonce; fi
`
}

func fish(all []completed) string {
	var b strings.Builder
	b.WriteString("# fish completion for hookonce: hookonce completion fish >~/.config/fish/completions/hookonce.fish\ncomplete -c hookonce -f\n")
	for _, c := range all {
		fmt.Fprintf(&b, "complete -c hookonce -n __fish_use_subcommand -a %s -d %s\n", c.name, quoted(c.does))
		within := "complete -c hookonce -n '__fish_seen_subcommand_from " + c.name + "'"
		if c.words != nil {
			fmt.Fprintf(&b, "%s -a %s\n", within, quoted(strings.Join(c.words, " ")))
		}
		for _, f := range c.flags {
			line := within + " -l " + f.name
			switch {
			case f.values != nil:
				line += " -x -a " + quoted(strings.Join(f.values, " "))
			case f.file:
				line += " -r -F"
			case f.value:
				line += " -x"
			}
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}
