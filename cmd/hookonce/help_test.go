package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/nearest"
)

func TestHelpIsGroupedByWhatAPersonWantsToDo(t *testing.T) {
	t.Parallel()
	help, at := hookonce(t, "", nil, "--help").out, 0
	for _, g := range groups() {
		i := strings.Index(help, "\n"+g.purpose+"\n")
		if i < at {
			t.Fatalf("%q is not in its place:\n%s", g.purpose, help)
		}
		for _, c := range g.commands {
			if j := strings.Index(help, "\n  "+c.name+" "); j < i {
				t.Errorf("%s is not under %q", c.name, g.purpose)
			}
		}
		at = i
	}
}

func TestWhatWasMeantIsNamed(t *testing.T) {
	t.Parallel()
	secret := file(t, core.GenerateSecret())
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"verfy"}, "did you mean verify?"},
		{[]string{"help", "explan"}, "did you mean explain?"},
		{[]string{"verify", "--secrt=x"}, "unknown flag --secrt (did you mean --secret?); see hookonce help verify"},
		{[]string{"verify", "-requets", "x"}, "unknown flag --requets (did you mean --request?)"},
		{[]string{"listen", "--forward", "x"}, "unknown flag --forward (did you mean --forward-to?)"},
		{[]string{"verify", "--nonsense"}, "verify: unknown flag; see hookonce help verify"},
		{[]string{"verify", "--secret-file", secret, "--request", "-", "--scheme", "gitub"}, "did you mean github? hookonce schemes lists them all"},
		{[]string{"verify", "--secret-file", secret, "--request", "-", "--scheme", "Stripe"}, "did you mean stripe? hookonce schemes lists them all"},
		{[]string{"listen", "--secret-file", secret, "--framework", "ginn"}, "did you mean gin? choose from nethttp"},
		{[]string{"listen", "--secret-file", secret, "--show", "type,boddy"}, "did you mean body? choose from type"},
		{[]string{"sign", "--secret-file", secret, "--print", "header"}, "did you mean headers? choose from request"},
		{[]string{"send", "--secret-file", secret, "--schedule", "standart"}, "did you mean standard?"},
		{[]string{"completion", "zhs"}, "did you mean zsh? choose from bash"},
		{[]string{"completion"}, "give one shell: bash, zsh or fish"},
		{[]string{"sen"}, "did you mean seen?"},
		{[]string{"seen"}, "give either show or forget"},
		{[]string{"seen", "--id", "x"}, "give either show or forget"},
		{[]string{"seen", "forgt"}, "did you mean forget? choose from show, forget"},
		{[]string{"seen", "show", "forget"}, "give either show or forget"},
		{[]string{"seen", "show", "--namespce", "x"}, "unknown flag --namespce (did you mean --namespace?); see hookonce help seen"},
		{[]string{"seen", "show"}, "give --store URL, or set HOOKONCE_STORE"},
		{[]string{"seen", "show", "--store", "redis://h"}, "give --namespace"},
		{[]string{"seen", "show", "--namespace", "x", "--store", "rediss:h"}, "has no host"},
		{[]string{"seen", "show", "--namespace", "x", "--store", "postgre://h/db"}, "did you mean postgres?"},
		{[]string{"seen", "show", "--namespace", "x", "--store", "redis://h:%%/1"}, "--store is not a valid URL"},
		{[]string{"seen", "show", "--namespace", "x", "--store", "mysql://h/db?tls=true"}, "option file"},
		{[]string{"seen", "show", "--namespace", "x", "--store", "sqlite:/no/such/file"}, "found no regular file"},
		{[]string{"seen", "show", "--namespace", "x", "--store", "redis://127.0.0.1:1"}, "give exactly one of --id, --key and --request"},
		{[]string{"seen", "show", "--namespace", "x", "--store", "redis://127.0.0.1:1", "--id", "a", "--key", "b"}, "give exactly one of --id, --key and --request"},
		{[]string{"seen", "show", "--namespace", "x", "--store", "redis://127.0.0.1:1", "--id", " a"}, "has white space around it"},
		{[]string{"seen", "show", "--namespace", "x", "--store", "redis://127.0.0.1:1", "--key", "b"}, "64 hexadecimal digits"},
		{[]string{"seen", "show", "--namespace", "{x}", "--store", "redis://127.0.0.1:1", "--id", "a"}, "namespace"},
		{[]string{"listen", "--secret-file", secret, "--answer", "503", "--forward-to", "http://a"}, "give only one"},
		{[]string{"listen", "--secret-file", secret, "--forward-to", "ftp://a"}, "--forward-to must be a URL"},
		{[]string{"verify", "--secret-file", secret, "--request", "-", "--body", "-"}, "give one of the two as a file"},
		{[]string{"verify", "--secret-file", secret, "--request", "-", "--body", secret}, "the capture has a body"},
	} {
		got := hookonce(t, "POST / HTTP/1.1\n\nx", nil, tt.args...)
		if got.code != 2 || got.out != "" || strings.Count(got.errs, "\n") != 1 || !strings.Contains(got.errs, tt.want) {
			t.Errorf("%q: %+v", tt.args, got)
		}
	}
}

func TestNearestKeepsToSlips(t *testing.T) {
	t.Parallel()
	known := []string{"verify", "sign", "send", "id", "to", "secret", "secret-file", "scheme", "gitlab", "gitlab-token"}
	for typed, want := range map[string]string{
		"verfy": "verify", "VERIFY": "verify", "vreify": "verify", "verifyy": "verify", "sing": "sign", "secrte": "secret", "ver": "verify", "gitl": "gitlab",
		"d": "", "x": "", "": "", "sec": "", "whsec_abc": "", "verification": "", "éééé": "", strings.Repeat("verify", 9): "",
	} {
		if got := nearest.Word(typed, known); got != want {
			t.Errorf("%q is taken for %q, want %q", typed, got, want)
		}
	}
}

// Status 2 is for a mistake in the command line. A failure of the system is 1.
func TestAFailureOfTheSystemIsNoWrongUsage(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it only occupies a port
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	got := hookonce(t, "", nil, "listen", "--secret", core.GenerateSecret(), "--addr", ln.Addr().String())
	if got.code != 1 || !strings.Contains(got.errs, "listen: --addr: listen tcp 127.0.0.1:") || !strings.Contains(got.errs, "in use") {
		t.Errorf("%+v", got)
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full")
	}
	defer full.Close()
	if code := run(t.Context(), []string{"version"}, nil, full, full, os.LookupEnv); code != 1 {
		t.Errorf("a full disk: status %d", code)
	}
}

func TestTheVersionIsThatOfTheBuild(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"version"}, {"--version"}} {
		if got := hookonce(t, "", nil, args...); got.code != 0 || !strings.HasPrefix(got.out, "hookonce ") || !strings.Contains(got.out, " go1.") {
			t.Errorf("%+v", got)
		}
	}
	v := version{Version: "v1.2.3", Revision: "0123456789abcdef", Modified: true, Go: "go1.25.0", System: "linux/amd64"}
	if got := v.String(); got != "v1.2.3 (0123456789ab, modified) go1.25.0 linux/amd64" {
		t.Error(got)
	}
	if got := hookonce(t, "", nil, "version", "--json"); !strings.HasPrefix(got.out, `{"version":"`) {
		t.Errorf("%+v", got)
	}
}

// TestShellsComplete has each shell complete the same lines.
func TestShellsComplete(t *testing.T) {
	t.Parallel()
	lines := map[string][]string{
		"hookonce ver":                        {"verify", "version"},
		"hookonce help ex":                    {"explain"},
		"hookonce verify --requ":              {"--request"},
		"hookonce verify --request req":       {"request.txt"},
		"hookonce verify --scheme strip":      {"stripe"},
		"hookonce listen --framework fib":     {"fiber"},
		"hookonce listen --show h":            {"headers"},
		"hookonce send --schedule fa":         {"fast"},
		"hookonce completion z":               {"zsh"},
		"hookonce seen fo":                    {"forget"},
		"hookonce seen show --names":          {"--namespace"},
		"hookonce explain --reason x":         nil,
		"hookonce verify --request a --secre": {"--secret", "--secret-file"},
	}
	for shell, script := range map[string]string{
		"bash": `source ./completion; line=$1; COMP_WORDS=($line); COMP_CWORD=$((${#COMP_WORDS[@]}-1)); compopt() { :; }; _hookonce; printf '%s\n' "${COMPREPLY[@]}"`,
		"zsh": `compdef() { :; }; source ./completion; words=(${=1}); CURRENT=$#words; cur=$words[-1]
compadd() { shift; for w in $@; do [[ $w = $cur* ]] && print -r -- $w; done; true }
_files() { for w in $cur*(N); do print -r -- $w; done; true }
_describe() { for w in ${(P)2}; do w=${w%%:*}; [[ $w = $cur* ]] && print -r -- $w; done; true }
_hookonce`,
		"fish": `source ./completion; complete -C $argv[1] | string split -f1 \t; true`,
	} {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			program, err := exec.LookPath(shell)
			if err != nil {
				t.Skip(shell + " is not installed: install it, and run `make test`")
			}
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "request.txt"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			got := hookonce(t, "", nil, "completion", shell)
			if err := os.WriteFile(filepath.Join(dir, "completion"), []byte(got.out), 0o600); err != nil || got.code != 0 {
				t.Fatalf("%+v %v", got, err)
			}
			for line, want := range lines {
				args := []string{"-c", script, shell, line}
				if shell == "fish" {
					args = []string{"--no-config", "-c", script, line}
				}
				cmd := exec.CommandContext(t.Context(), program, args...)
				cmd.Dir, cmd.Env = dir, append(os.Environ(), "HOME="+dir)
				out, err := cmd.CombinedOutput()
				if got := strings.Fields(string(out)); err != nil || strings.Join(got, " ") != strings.Join(want, " ") {
					t.Errorf("%q completes to %q, want %q: %v", line, got, want, err)
				}
			}
		})
	}
}

func TestHelpFitsATerminalAndListsNoSchemes(t *testing.T) {
	t.Parallel()
	for _, c := range commands() {
		help := hookonce(t, "", nil, "help", c.name).out
		for line := range strings.Lines(help) {
			if utf8.RuneCountInString(strings.TrimSuffix(line, "\n")) > helpWidth && !strings.Contains(line, c.example) {
				t.Errorf("help of %s is wider than %d columns: %s", c.name, helpWidth, line)
			}
		}
		if strings.Contains(help, "lemonsqueezy") {
			t.Errorf("help of %s lists the schemes", c.name)
		}
		if strings.Contains(help, "--scheme NAME") && !strings.Contains(help, "hookonce schemes") {
			t.Errorf("help of %s does not say how to list the schemes", c.name)
		}
	}
}
