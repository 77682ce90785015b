// Command bench measures hookonce beside what a user would weigh it against, in
// one run, on the same bytes, and writes docs/benchmarks.md.
//
//	make bench          # from the root: everything, in under ten minutes, on a machine that does nothing else
//	go run . -only verify,web -results /tmp/r.json
//
// The parts are, in reading order: verify.go (signatures alone), web.go with
// server.go and load.go (requests over loopback), stores.go (the memory
// stores), refusals.go (what a stranger can make a server spend), growth.go
// (how cost grows), report.go (the page). Servers and stores run in processes
// of their own: this program starts itself again with a role. It needs Linux
// and some 12 GiB of memory.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// options are how thorough a run is.
type options struct {
	quick bool // tiny sizes and one repetition: does every part still run?
	only  []string
	began time.Time
}

func (o options) repeat(n int) int {
	if o.quick {
		return 1
	}
	return n
}

func (o options) length(d time.Duration) time.Duration {
	if o.quick {
		return min(d, 10*time.Millisecond)
	}
	return d
}

func (o options) progress(format string, args ...any) {
	if !o.quick {
		fmt.Fprintf(os.Stderr, "%4.0fs %s\n", time.Since(o.began).Seconds(), fmt.Sprintf(format, args...))
	}
}

func (o options) wants(part string) bool { return len(o.only) == 0 || slices.Contains(o.only, part) }

// results is everything that a run measured.
type results struct {
	Machine  machine
	Verify   []verifyRow
	Web      []webRow
	InFlight []inFlightRow
	Stores   []storeRow
	Refusals []refusalRow
	Cores    []coresRow
	Explain  []explainRow
}

// measure runs the parts that are asked for into r, and has it kept after each.
func (r *results) measure(o options, keep func() error) error {
	r.Machine = thisMachine()
	for _, part := range []struct {
		name string
		run  func() error
	}{
		{"verify", func() (err error) { r.Verify, err = verifyAll(o); return err }},
		{"web", func() (err error) { r.Web, r.InFlight, err = webAll(o); return err }},
		{"refusals", func() error {
			attacks, err := attackAll(o, attacked)
			if err != nil {
				return err
			}
			slow, err := announceAll(o)
			r.Refusals = slices.Concat(attacks, slow)
			return err
		}},
		{"explain", func() (err error) { r.Explain, err = explainAll(o); return err }},
		{"cores", func() (err error) { r.Cores, err = coresAll(o); return err }},
		{"stores", func() (err error) { r.Stores, err = storesAll(o); return err }},
	} {
		if !o.wants(part.name) {
			continue
		}
		if err := part.run(); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
		r.Machine.Took = time.Since(o.began).Round(time.Second).String()
		if err := keep(); err != nil {
			return err
		}
	}
	return nil
}

// keep writes r to a file, if there is to be one.
func (r *results) keep(file string) error {
	if file == "" {
		return nil
	}
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o644)
}

func main() {
	if role := os.Getenv(roleVariable); role != "" {
		exit(play(role, os.Args[1:]))
	}
	quick := flag.Bool("quick", false, "tiny sizes and one repetition, to see that every part runs")
	only := flag.String("only", "", "parts to run, with commas: verify, web, refusals, explain, cores, stores")
	file := flag.String("results", "", "JSON file that the results are merged into; with -report: read from")
	docs := flag.String("docs", "", "folder to write benchmarks.md and benchmarks/*.svg to")
	report := flag.Bool("report", false, "measure nothing, write the page of -results")
	flag.Parse()

	o := options{quick: *quick, began: time.Now()}
	if *only != "" {
		o.only = strings.Split(*only, ",")
	}
	var r results
	if *file != "" {
		if text, err := os.ReadFile(*file); err == nil {
			exitIf(json.Unmarshal(text, &r))
		}
	}
	if !*report {
		exitIf(r.measure(o, func() error { return r.keep(*file) }))
	}
	if *docs != "" {
		exitIf(r.write(*docs))
	}
	fmt.Print(r.ClaimsTable())
}

func exitIf(err error) {
	if err != nil {
		exit(err)
	}
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}
