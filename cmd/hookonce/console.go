package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"unicode"
	"unicode/utf16"
)

// console is the input and output of a command. say and object print the
// result. note prints everything else.
type console struct {
	in      io.Reader
	inFor   string // the flag for which standard input was read
	out     sticky
	errs    io.Writer
	env     func(string) (string, bool)
	colours bool
	mu      sync.Mutex // guards both outputs
}

func newConsole(in io.Reader, out, errs io.Writer, env func(string) (string, bool)) *console {
	return &console{in: in, out: sticky{w: out}, errs: errs, env: env, colours: coloured(out, env)}
}

// sticky keeps the first error, so that a command whose result was not written
// never succeeds.
type sticky struct {
	w   io.Writer
	err error
}

func (s *sticky) Write(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	var n int
	n, s.err = s.w.Write(p)
	return n, s.err
}

func (c *console) say(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _ = fmt.Fprintf(&c.out, format, args...)
}

func (c *console) object(v any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := json.NewEncoder(harmless{&c.out})
	e.SetEscapeHTML(false)
	_ = e.Encode(v)
}

// harmless escapes characters in JSON that a terminal would interpret or hide,
// such as U+009B. A path may contain such characters, and package json does not
// escape them.
type harmless struct{ w io.Writer }

// Write expects complete objects.
func (h harmless) Write(p []byte) (int, error) {
	if !bytes.ContainsFunc(p, obeyed) {
		return h.w.Write(p)
	}
	var b strings.Builder
	for _, r := range string(p) {
		if !obeyed(r) {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	_, err := io.WriteString(h.w, b.String())
	return len(p), err
}

// obeyed reports whether a terminal interprets r instead of showing it. It
// returns false for a newline, which ends our objects.
func obeyed(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }

// note prints one line to standard error. A failure to write it is ignored.
func (c *console) note(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _ = fmt.Fprintf(c.errs, format+"\n", args...)
}

// coloured reports whether out is a terminal and colours are allowed.
func coloured(out io.Writer, env func(string) (string, bool)) bool {
	if text, _ := env("NO_COLOR"); text != "" {
		return false
	}
	if text, _ := env("TERM"); text == "dumb" {
		return false
	}
	f, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func (c *console) good(text string) string { return c.colour("32", text) }
func (c *console) bad(text string) string  { return c.colour("31", text) }

func (c *console) colour(code, text string) string {
	if !c.colours {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// maxFile bounds the size of a file that is read.
const maxFile = 64 << 20

// read reads the file that a flag names, or standard input for "-". No error
// contains the file name: if two flags are mixed up, the name is a secret.
func (c *console) read(name, flagName string) ([]byte, error) {
	in := c.in
	if name == "-" {
		if c.inFor != "" {
			return nil, usageError(flagName + ": standard input is already used for " + c.inFor + ": give one of the two as a file")
		}
		c.inFor = flagName
	} else {
		f, err := os.Open(name) //nolint:gosec // the user names the file
		if err != nil {
			return nil, cannot(flagName, "read", err)
		}
		defer f.Close() //nolint:errcheck // the file is only read
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxFile+1))
	switch {
	case err != nil && name == "-":
		return nil, usageError(flagName + ": standard input cannot be read: " + cause(err))
	case err != nil:
		return nil, cannot(flagName, "read", err)
	case len(text) > maxFile:
		return nil, usageError(flagName + ": the input is larger than 64 MiB: is it the right one?")
	}
	return text, nil
}

func cannot(flagName, verb string, err error) error {
	return usageError(flagName + ": the file cannot be " + verb + ": " + cause(err))
}

// cause returns the error without the path.
func cause(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return err.Error()
}
