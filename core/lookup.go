package core

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"
)

// maxLookUps bounds the concurrent lookups in a key source, including abandoned
// lookups.
const maxLookUps = 1024

// keyLookUp is one lookup in a key source. It has its own goroutine, because a
// source that ignores its context could block the request for longer than
// Config.KeyTimeout. After the timeout the lookup is abandoned: the goroutine
// runs until the source returns, and the result is dropped.
type keyLookUp struct {
	ctx     lazyContext // sources with keys in memory rarely use its timer
	request Request
	done    chan bool // true: the fields below are set; false: the time is up

	source   string
	keys     *Keys
	err      error
	panicked any
}

// ask calls v's key source, and waits at most Config.KeyTimeout.
func (v *Verifier) ask(outer context.Context, r *Request) (string, *Keys, error) {
	if running := v.lookUps.Add(1); running > maxLookUps {
		v.lookUps.Add(-1)
		return "", nil, errors.New(strconv.Itoa(maxLookUps) + " calls of the key source have not returned yet: " + slowSource)
	}
	l := &keyLookUp{done: make(chan bool, 2)} // room for both senders, so neither blocks
	l.ctx.init(outer, v.claims.clock.now().real.Add(v.cfg.KeyTimeout))
	// A copy, because an adapter may reuse its request while an abandoned source still reads the
	// copy. The copy has no body: the body is not verified, and most callers have not read it yet.
	l.request = Request{Method: r.Method, URL: r.URL, Host: r.Host, Header: r.Header.Clone()}
	timer := time.AfterFunc(v.cfg.KeyTimeout, func() { l.done <- false })
	go l.run(v) //nolint:contextcheck // it has the context in it
	answered := <-l.done
	timer.Stop()
	l.ctx.finish()
	switch {
	case !answered:
		return "", nil, fmt.Errorf("the key source did not respond within Config.KeyTimeout (%v): %s", v.cfg.KeyTimeout, slowSource)
	case l.panicked != nil:
		panic(l.panicked)
	}
	return l.source, l.keys, l.err
}

const slowSource = "is the key source's database or vault slow or unreachable, and does the key source return when its context ends?"

func (l *keyLookUp) run(v *Verifier) {
	returned := false
	defer func() {
		if !returned {
			l.err = errors.New("the key source ended its goroutine instead of returning")
			l.panicked = sourcePanic(recover())
		}
		v.lookUps.Add(-1)
		l.done <- true
	}()
	l.source, l.keys, l.err = v.keys.Keys(&l.ctx, &l.request)
	returned = true
}

// keyPanicError carries a key source's panic to the goroutine of the request.
type keyPanicError struct {
	value any
	stack []byte
}

// sourcePanic adds the stack to a recovered value, which may be nil.
func sourcePanic(value any) any {
	if value == nil || value == http.ErrAbortHandler { //nolint:errorlint // servers compare it so
		return value
	}
	return &keyPanicError{value, debug.Stack()}
}

// Error includes the stack, because the panic continues in another goroutine.
func (p *keyPanicError) Error() string {
	return fmt.Sprintf("%v\n\nin the key source:\n%s", p.value, p.stack)
}

// Unwrap returns the value if it is an error.
func (p *keyPanicError) Unwrap() error {
	err, _ := p.value.(error)
	return err
}
