package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/explain"
	"github.com/hookonce/hookonce/internal/inspect"
	"github.com/hookonce/hookonce/internal/loopback"
	"github.com/hookonce/hookonce/stores/memstore"
)

func listenCommand() command {
	return command{
		name: "listen", does: "receive messages and print the result of each",
		example: "hookonce listen --secret-file secret.txt --addr 127.0.0.1:8080",
		more: "listen accepts requests on every path, verifies each delivery and explains each refusal. It recognizes replays while it runs. It is for " +
			"testing: it discards a handled message unless it forwards it. An interrupt stops it, with exit status 0.\n\nWith --json it prints one " +
			"object per line: first the address, then the deliveries. It does not show requests that the framework's server rejects before any " +
			"middleware runs, for example because of malformed headers.\n\n--forward-to forwards messages that are verified and new, with the same " +
			"method, body and headers. The Host header comes from the URL, and connection headers such as Transfer-Encoding are not forwarded. If the " +
			"URL lacks a path or query, the delivery's is used. Redirects are not followed. The sender gets the application's response, and retries " +
			"after anything but 2xx. Without a response it gets 502, or 504 after 55 seconds.\n\n--save writes each delivery, refused or not, to a file " +
			"that only you can read: up to 1,000 deliveries and 256 MiB per run. --request reads such a file. Its name begins with the arrival time, " +
			"for --now. Secrets are replaced with [redacted], so a message with its secret in a header, such as GitLab's token, cannot be verified " +
			"again.\n\n--inspect serves a page for a browser on this machine. It shows why a delivery was refused, what differs from what was signed, " +
			"and the signed text. It can resend, forward, copy and save a delivery, and verify it with another secret or scheme. It keeps the last 200 " +
			"deliveries, up to 64 MiB. Anyone on this machine who knows the printed address can read them.",
		setUp: func(f *flag.FlagSet) action {
			l := &listening{receiver: receiverFlags(f)}
			l.otherFlag(f)
			f.StringVar(&l.addr, "addr", "127.0.0.1:8080", "the `ADDRESS` to listen on; port 0 picks a free port. Default: 127.0.0.1:8080")
			f.StringVar(&l.framework, "framework", "nethttp", "the `NAME` of the web framework to use: nethttp, gin, echo or fiber. Default: nethttp")
			f.IntVar(&l.count, "count", 0, "exit after `N` deliveries. Default: never")
			f.StringVar(&l.answer, "answer", "200", "the response `STATUS` for verified messages, or a list to use in turn, such as 503,200. Default: 200")
			f.StringVar(&l.forwardTo, "forward-to", "", "the `URL` of an application that gets the verified messages and responds to them")
			f.StringVar(&l.save, "save", "", "save each delivery in the directory `DIR`, which is created if missing")
			f.BoolVar(&l.inspect, "inspect", false, "show the deliveries on a page for a browser on this machine")
			f.StringVar(&l.inspectAddr, "inspect-addr", "", "the loopback `ADDRESS` of the --inspect page; implies --inspect. Default: 127.0.0.1 and a "+
				"free port")
			f.StringVar(&l.show, "show", "", "the `PARTS` of each delivery to print: type, headers or body, or a list such as type,body")
			f.BoolVar(&l.anywhere, "dangerously-beyond-loopback", false, "allow an --addr that other machines can reach")
			return l.run
		},
	}
}

type listening struct {
	*receiver

	addr, framework, answer string
	forwardTo, save, show   string
	inspectAddr             string
	inspect                 bool
	count                   int
	anywhere                bool
}

func showParts() []string { return []string{"type", "headers", "body"} }

// parts returns the parts that --show names.
func (l *listening) parts() ([]string, error) {
	if l.show == "" {
		return nil, nil
	}
	all := strings.Split(l.show, ",")
	for _, part := range all {
		if !slices.Contains(showParts(), part) {
			return nil, noSuch("--show has an unknown value", part, showParts())
		}
	}
	return all, nil
}

func (l *listening) run(ctx context.Context, c *console) error {
	ctx, end := untilSignal(ctx)
	defer end()
	statuses, err := parseStatuses(l.answer)
	if err != nil {
		return err
	}
	texts, err := l.texts(c, false)
	if err != nil {
		return err
	}
	v, p, err := l.verifier(c, texts, end)
	if err != nil {
		return err
	}
	var handled atomic.Int64
	handle := func(context.Context) reply {
		return reply{status: statuses[min(int(handled.Add(1)), len(statuses))-1]}
	}
	if l.forwardTo != "" && l.answer != "200" {
		return usageError("--answer and --forward-to both set the response: give only one")
	}
	var f *forwarder
	if l.forwardTo != "" {
		if f, err = newForwarder(l.forwardTo, p.hidden, p.clock); err != nil {
			return err
		}
		defer f.through.CloseIdleConnections()
		handle = func(ctx context.Context) reply { return f.forward(ctx, exchangeOf(ctx)) }
	}
	s, ok := newServer(l.framework, v, cmp.Or(l.maxBody, 1<<20), handle) //nolint:contextcheck // each request has its own
	switch {
	case ok:
	case l.framework == "echov5", l.framework == "fiberv3":
		return usageError("--framework " + l.framework + " needs a separate module, which this program does not include. The other frameworks give the same " +
			"verdicts. To receive with it, run this in a clone of the repository: cd examples/" + l.framework + " && go run .")
	default:
		return noSuch("--framework has an unknown value", l.framework, frameworkNames())
	}
	ln, err := l.listen(ctx)
	if err != nil {
		return err
	}
	if l.save != "" {
		if p.saver, err = newSaver(l.save, p.hidden); err != nil {
			_ = ln.Close()
			return err
		}
		defer p.saver.root.Close() //nolint:errcheck // nothing is left to write
	}
	if l.inspect || l.inspectAddr != "" {
		stop, err := l.startInspecting(ctx, p, ln.Addr().String(), f)
		if err != nil {
			_ = ln.Close()
			return err
		}
		defer stop()
	}
	l.tell(c, p, ln)
	return s.until(ctx, ln)
}

// tell prints the address of the listener and of the inspector.
func (l *listening) tell(c *console, p *printer, ln net.Listener) {
	if l.json {
		told := struct {
			Listening string `json:"listening"`
			Inspector string `json:"inspector,omitempty"`
		}{Listening: "http://" + ln.Addr().String() + "/"}
		if p.page != nil {
			told.Inspector = p.page.URL()
		}
		c.object(told)
		return
	}
	c.say("listening on http://%s/ (%s, %s)\n", ln.Addr(), l.framework, l.scheme)
	if p.page != nil {
		c.say("inspector: %s\n", p.page.URL())
	}
}

// shutdownTime bounds the wait for messages in progress. With an open
// connection without a request, the wait takes all of it.
const shutdownTime = time.Second

// until serves until ctx ends, then waits for the messages in progress.
func (s *server) until(ctx context.Context, ln net.Listener) error {
	failed := make(chan error, 1)
	go func() { failed <- s.serve(ln) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	_ = s.shutdown(ctx) // the remaining connections end with the process
	return nil
}

// listen refuses addresses that other machines can reach.
func (l *listening) listen(ctx context.Context) (net.Listener, error) {
	ln, err := loopback.Listen(ctx, l.addr, l.anywhere)
	switch {
	case errors.Is(err, loopback.ErrNoAddress):
		return nil, usageError("--addr must be an address and a port, such as 127.0.0.1:8080")
	case errors.Is(err, loopback.ErrNotLoopback):
		return nil, usageError("--addr is not a loopback address, so other machines could reach it: use 127.0.0.1, or add --dangerously-beyond-loopback")
	case errors.Is(err, loopback.ErrPort):
		return nil, usageError("--addr: the port must be a number from 0 to 65535")
	case err != nil:
		return nil, fmt.Errorf("--addr: %w", err)
	}
	return ln, nil
}

// verifier returns a verifier that prints each delivery and calls end after the
// last one.
func (l *listening) verifier(c *console, texts []string, end func()) (*core.Verifier, *printer, error) {
	scheme, err := l.newScheme("")
	if err != nil {
		return nil, nil, err
	}
	others, err := l.othersKeys(c)
	if err != nil {
		return nil, nil, err
	}
	show, err := l.parts()
	if err != nil {
		return nil, nil, err
	}
	cfg := l.config(scheme, l.clock())
	p := &printer{
		console: c, json: l.json, left: l.count, end: end, clock: cfg.Clock, show: show, hidden: l.hide(texts, l.otherTexts...),
		others: others, turns: make(chan struct{}, atOnce), why: make(map[error]explain.Explanation),
	}
	cfg.DangerouslyShowRefused, cfg.Observe = p.refused, p.observe
	v, err := core.New(core.Secrets(texts...), memstore.New(), cfg)
	if err != nil {
		return nil, nil, usageError(asFlags(plain(err)))
	}
	p.verifier = v
	return v, p, nil
}

func parseStatuses(text string) ([]int, error) {
	var all []int
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 200 || n > 599 {
			return nil, usageError("--answer must be a status from 200 to 599, or a list such as 503,200")
		}
		all = append(all, n)
	}
	return all, nil
}

// printer prints the result of each delivery.
type printer struct {
	*console

	json   bool
	end    func()
	clock  func() time.Time
	others map[string]*core.Keys
	turns  chan struct{} // bounds concurrent explanations
	show   []string      // the parts of each delivery to print
	hidden hidden
	saver  *saver // nil: nothing is saved

	page     *inspect.Page // nil without --inspect
	verifier *core.Verifier

	mu   sync.Mutex
	why  map[error]explain.Explanation // of refusals that are not printed yet
	left int                           // deliveries until the end; no limit if it is zero at the start
}

// received is the form in JSON.
type received struct {
	Time        time.Time            `json:"time"`
	Status      int                  `json:"status"`
	Reason      core.Reason          `json:"reason"`
	ID          string               `json:"id,omitempty"`
	Key         string               `json:"key,omitempty"`
	Method      string               `json:"method"`
	Path        string               `json:"path"`
	BodyBytes   int                  `json:"body_bytes"`
	Explanation *explain.Explanation `json:"explanation,omitempty"`

	Forwarded *forwarded `json:"forwarded,omitempty"`
	Saved     string     `json:"saved,omitempty"` // the name of the file
	Type      string     `json:"type,omitempty"`
	Headers   []string   `json:"headers,omitempty"`
	Body      string     `json:"body,omitempty"` // cut at maxShown
}

// observe is called when the response to the sender is known.
func (p *printer) observe(ctx context.Context, e core.Event) {
	x := exchangeOf(ctx)
	r := received{
		Time: p.clock().UTC(), Status: e.Status, Reason: e.Reason, ID: e.MessageID, Key: e.KeyID, Method: e.Method, Path: e.Path,
		BodyBytes: e.BodyBytes, Explanation: p.explained(e.Err), Forwarded: x.forwarded,
	}
	p.saveAndShow(x, &r)
	if p.page != nil {
		p.inspect(ctx, x, &e, &r)
	}
	if p.json {
		p.object(r)
	} else {
		p.say("%s", p.line(&r))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.left--; p.left == 0 {
		p.end()
	}
}

func (p *printer) saveAndShow(x *exchange, r *received) {
	if p.saver != nil {
		var err error
		if r.Saved, err = p.saver.save(x, r.Time, r.Status, r.Reason); err != nil {
			p.note("hookonce: --save: %s", err)
		}
	}
	for _, part := range p.show {
		switch part {
		case "type":
			r.Type = printable(p.hidden.replace(x.eventType()))
		case "headers":
			r.Headers = x.lines(p.hidden)
		case "body":
			r.Body = p.hidden.body(x.bytes())
		}
	}
}

// atOnce bounds how many refusals are explained concurrently: each may take a
// few mebibytes.
const atOnce = 4

// refused explains a refusal that the request caused. It is called before
// observe.
func (p *printer) refused(ctx context.Context, r core.Refused) {
	p.turns <- struct{}{}
	defer func() { <-p.turns }()
	why := explain.Request(ctx, r, p.others)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.why[r.Err] = why
}

// explained removes and returns the explanation of a refusal.
func (p *printer) explained(err error) *explain.Explanation {
	p.mu.Lock()
	defer p.mu.Unlock()
	why, ok := p.why[err]
	if !ok {
		return nil
	}
	delete(p.why, err)
	return &why
}

func (p *printer) line(r *received) string {
	colour := p.bad
	if r.Reason == core.Handled || r.Reason == core.ErrRedelivery {
		colour = p.good
	}
	line := fmt.Sprintf("%s %d %s %s", r.Time.Format("15:04:05"), r.Status, colour(string(r.Reason)), r.ID)
	lines := []string{strings.TrimRight(line, " ") + strings.TrimRight(" "+r.Key, " ")}
	if r.Explanation != nil {
		why := *r.Explanation
		why.Detail = "" // the line above has the reason, and the finding has more details or includes the sentence
		lines = append(lines, indented(why.String(), margin))
	}
	if r.Saved != "" {
		lines = append(lines, margin+"saved as "+r.Saved)
	}
	if r.Type != "" {
		lines = append(lines, margin+"type: "+r.Type)
	}
	for _, header := range r.Headers {
		lines = append(lines, margin+"  "+printable(header))
	}
	if r.Body != "" {
		lines = append(lines, indented(r.Body, margin+"  "))
	}
	if r.Forwarded != nil {
		lines = append(lines, indented("forwarded: "+r.Forwarded.String(), margin))
	}
	return strings.Join(lines, "\n") + "\n"
}

const margin = "         "
