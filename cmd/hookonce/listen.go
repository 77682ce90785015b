package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/explain"
	"github.com/hookonce/hookonce/stores/memstore"
)

func listenCommand() command {
	return command{
		name: "listen", does: "receives messages and prints what becomes of each",
		example: "hookonce listen --secret-file secret.txt --addr 127.0.0.1:8080",
		more: "It receives on every path, verifies, recognises replays as long as it runs, and says of each refusal why. With --json it prints one\n" +
			"object a line: first the address, then the deliveries. What the framework's server turns away before any middleware, such as a\n" +
			"malformed head, is not shown. It ends when it is interrupted, with status 0. It is for trying out: what it handles is gone.",
		setUp: func(f *flag.FlagSet) action {
			l := &listening{receiver: receiverFlags(f)}
			l.otherFlag(f)
			f.StringVar(&l.addr, "addr", "127.0.0.1:8080", "the `ADDRESS` to listen on, port 0 for a free one. Default: 127.0.0.1:8080")
			f.StringVar(&l.framework, "framework", "nethttp", "the `NAME` of the framework: nethttp, gin, echo or fiber. Default: nethttp")
			f.IntVar(&l.count, "count", 0, "end after so `MANY` deliveries. Default: never")
			f.StringVar(&l.answer, "answer", "200", "the `STATUS` that a verified message is answered with; a list such as 503,200 for one after the other.\nDefault: 200")
			f.BoolVar(&l.anywhere, "dangerously-beyond-loopback", false, "accept an --addr that other machines can reach")
			return l.run
		},
	}
}

type listening struct {
	*receiver

	addr, framework, answer string
	count                   int
	anywhere                bool
}

func (l *listening) run(ctx context.Context, c *console) error {
	ctx, end := untilSignal(ctx)
	defer end()
	statuses, err := parseStatuses(l.answer)
	if err != nil {
		return err
	}
	v, err := l.verifier(c, end)
	if err != nil {
		return err
	}
	var handled atomic.Int64
	s, ok := newServer(l.framework, v, cmp.Or(l.maxBody, 1<<20), func() int {
		return statuses[min(int(handled.Add(1)), len(statuses))-1]
	})
	switch {
	case ok:
	case l.framework == "echov5", l.framework == "fiberv3":
		return usageError("--framework " + l.framework + " is a module of its own, which this program does not have. Every verdict is the same in the others; " +
			"to receive with it: cd examples/" + l.framework + " && go run ., in a clone")
	default:
		return usageError("no such --framework: there are nethttp, gin, echo and fiber")
	}
	ln, err := l.listen(ctx)
	if err != nil {
		return err
	}
	if l.json {
		c.object(map[string]string{"listening": "http://" + ln.Addr().String() + "/"})
	} else {
		c.say("listening on http://%s/ (%s, %s)\n", ln.Addr(), l.framework, l.scheme)
	}
	return s.until(ctx, ln)
}

// shutdownTime is for a message that is being handled. Connections on which nothing came yet take all of it.
const shutdownTime = time.Second

// until serves until ctx ends; messages that are being handled then are answered.
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
	_ = s.shutdown(ctx) // what does not end in time ends with the process
	return nil
}

// listen refuses addresses that other machines can reach.
func (l *listening) listen(ctx context.Context) (net.Listener, error) {
	host, port, err := net.SplitHostPort(l.addr)
	if err != nil {
		return nil, usageError("--addr is an address and a port, such as 127.0.0.1:8080")
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) && !l.anywhere {
		return nil, usageError("--addr is not a loopback address, so other machines could reach it: take 127.0.0.1, or say --dangerously-beyond-loopback")
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return nil, usageError("--addr: the port is no number from 0 to 65535")
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", l.addr)
	if err != nil {
		return nil, usageError("--addr: " + err.Error())
	}
	return ln, nil
}

// verifier is one that prints each delivery, and calls end after the last.
func (l *listening) verifier(c *console, end func()) (*core.Verifier, error) {
	scheme, err := l.newScheme("")
	if err != nil {
		return nil, err
	}
	texts, err := l.texts(c, false)
	if err != nil {
		return nil, err
	}
	others, err := l.othersKeys(c)
	if err != nil {
		return nil, err
	}
	cfg := l.config(scheme, l.clock())
	p := &printer{
		console: c, json: l.json, left: l.count, end: end, clock: cfg.Clock,
		others: others, keys: core.Secrets(texts...), turns: make(chan struct{}, atOnce), why: make(map[error]explain.Explanation),
	}
	cfg.DangerouslyShowRefused, cfg.Observe = p.refused, p.observe
	v, err := core.New(core.Secrets(texts...), memstore.New(), cfg)
	if err != nil {
		return nil, usageError(asFlags(plain(err)))
	}
	return v, nil
}

func parseStatuses(text string) ([]int, error) {
	var all []int
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 200 || n > 599 {
			return nil, usageError("--answer is a status from 200 to 599, or a list such as 503,200")
		}
		all = append(all, n)
	}
	return all, nil
}

// printer prints what becomes of each delivery.
type printer struct {
	*console

	json   bool
	end    func()
	clock  func() time.Time
	keys   core.KeySource
	others map[string]*core.Keys
	turns  chan struct{} // to explain

	mu   sync.Mutex
	why  map[error]explain.Explanation // of refusals that are not told yet
	left int                           // deliveries until the end; not counted if it was zero
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
}

// observe is called when it is known what the sender is answered.
func (p *printer) observe(_ context.Context, e core.Event) {
	r := received{p.clock().UTC(), e.Status, e.Reason, e.MessageID, e.KeyID, e.Method, e.Path, e.BodyBytes, p.explained(e.Err)}
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

// atOnce is how many refusals are explained at once: each may take a few mebibytes, and the others wait.
const atOnce = 4

// refused is called before observe is, for a refusal that the request caused, and explains it.
func (p *printer) refused(ctx context.Context, r core.Refused) {
	p.turns <- struct{}{}
	defer func() { <-p.turns }()
	why := explain.Request(ctx, explain.Input{Config: r.Config, Keys: p.keys, Request: r.Request, Others: p.others, Err: r.Err})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.why[r.Err] = why
}

// explained takes what was found of this refusal.
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
	line = strings.TrimRight(line, " ") + strings.TrimRight(" "+r.Key, " ")
	if r.Explanation != nil {
		why := *r.Explanation
		why.Detail = "" // the word in the line above says it
		line += "\n         " + strings.ReplaceAll(why.String(), "\n", "\n         ")
	}
	return line + "\n"
}
