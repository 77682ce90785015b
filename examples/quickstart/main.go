// Command quickstart starts the four frameworks on loopback, sends each the
// same real HTTP messages, genuine ones and attacks, and prints the results. It
// exits with 1 if a result differs from the expected result.
//
// cases.go has the messages, servers.go the setup of each framework.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"
)

func main() {
	flag.Usage = func() {
		fmt.Fprint(os.Stderr, "usage: quickstart\n\nSends genuine webhooks and attacks to net/http, gin, echo and fiber servers on loopback,\n"+
			"and prints a table of what became of each. The exit status is 1 if anything differs from what is expected.\n"+
			"NO_COLOR turns the colours off.\n")
	}
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	k := newKeys()
	if err := run(context.Background(), os.Stdout, k, cases, wantsColour(os.Stdout)); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

// wantsColour reports whether f is a terminal and its user has not disabled
// colours.
func wantsColour(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

var errDiffers = errors.New("a result differs from what the table expects")

// run sends every case to every framework and prints the table. The timestamps
// are later than the start of the servers: with memstore, older timestamps are
// refused.
func run(ctx context.Context, out io.Writer, k keys, cases func(now time.Time, k keys) []testCase, colour bool) error {
	began := time.Now()
	servers, stop, err := start(ctx, k)
	if err != nil {
		return err
	}
	defer stop()

	table := cases(time.Now(), k)
	got := make([][]result, len(table)) // by case, then by framework
	for i, c := range table {
		for _, s := range servers {
			got[i] = append(got[i], s.try(ctx, c))
		}
	}
	wrong := writeTable(out, servers, table, got, colour)
	writeReasons(out, table, got)
	fmt.Fprintf(out, "\n%d of %d as expected, in %.1f s\n",
		len(table)*len(servers)-wrong, len(table)*len(servers), time.Since(began).Seconds())
	if wrong > 0 {
		return errDiffers
	}
	return nil
}

// writeTable prints cases against frameworks and returns how many cells differ
// from the expected results.
func writeTable(out io.Writer, servers []*server, table []testCase, got [][]result, colour bool) int {
	// The colour sequences have the same length in every cell, so the columns stay aligned.
	paint := func(code, text string) string {
		if !colour {
			return text
		}
		return "\x1b[" + code + "m" + text + "\x1b[0m"
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, paint("01", "WHAT IS SENT"))
	for _, s := range servers {
		fmt.Fprint(w, "\t", paint("01", s.framework))
	}
	fmt.Fprintln(w)
	wrong := 0
	for i, c := range table {
		fmt.Fprint(w, paint("00", c.name))
		for _, r := range got[i] {
			switch {
			case r.text != c.want:
				wrong++
				fmt.Fprint(w, "\t", paint("31", r.text+" (expected "+c.want+")"))
			case strings.HasPrefix(c.want, "2"):
				fmt.Fprint(w, "\t", paint("32", r.text))
			default:
				fmt.Fprint(w, "\t", paint("33", r.text))
			}
		}
		fmt.Fprintln(w)
	}
	_ = w.Flush()
	return wrong
}

// writeReasons prints why each refused case was refused, in the observer's
// words.
func writeReasons(out io.Writer, table []testCase, got [][]result) {
	fmt.Fprint(out, "\nWhy:\n\n")
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for i, c := range table {
		for _, r := range got[i] {
			if r.why != "" {
				fmt.Fprintf(w, "%s\t%s\n", c.name, r.why)
				break
			}
		}
	}
	_ = w.Flush()
}
