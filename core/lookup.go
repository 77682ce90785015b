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

// maxLookUps bounds the lookups that run at once in a key source, those that
// were abandoned among them.
const maxLookUps = 1024

// keyLookUp is one question to a key source. It has a goroutine of its own,
// since a source that does not watch its context could hold the request longer
// than Config.KeyTimeout. Past that it is abandoned: the goroutine runs until
// the source returns, and its result is dropped.
type keyLookUp struct {
	ctx     lazyContext // most sources that have their keys at hand do not ask for its timer
	request Request
	done    chan bool // true when the fields below stand, false when the time is up

	source   string
	keys     *Keys
	err      error
	panicked any
}

// ask asks v's key source, for no longer than Config.KeyTimeout.
func (v *Verifier) ask(outer context.Context, r *Request) (string, *Keys, error) {
	if running := v.lookUps.Add(1); running > maxLookUps {
		v.lookUps.Add(-1)
		return "", nil, errors.New(strconv.Itoa(maxLookUps) + " look-ups have not returned yet: " + slowSource)
	}
	l := &keyLookUp{done: make(chan bool, 2)} // so that neither waits for us
	l.ctx.init(outer, v.claims.clock.now().real.Add(v.cfg.KeyTimeout))
	// A copy, because an adapter may use its request again while an abandoned source still
	// reads this one. It has no body: nothing in it is verified, and most callers have not
	// read it yet.
	l.request = Request{Method: r.Method, URL: r.URL, Host: r.Host, Header: r.Header.Clone()}
	timer := time.AfterFunc(v.cfg.KeyTimeout, func() { l.done <- false })
	go l.run(v) //nolint:contextcheck // it has the context in it
	answered := <-l.done
	timer.Stop()
	l.ctx.finish()
	switch {
	case !answered:
		return "", nil, fmt.Errorf("it did not return within Config.KeyTimeout (%v): %s", v.cfg.KeyTimeout, slowSource)
	case l.panicked != nil:
		panic(l.panicked)
	}
	return l.source, l.keys, l.err
}

const slowSource = "is its database or vault slow or unreachable, and does it return when its context ends?"

func (l *keyLookUp) run(v *Verifier) {
	returned := false
	defer func() {
		if !returned {
			l.err = errors.New("it ended its goroutine instead of returning")
			l.panicked = sourcePanic(recover())
		}
		v.lookUps.Add(-1)
		l.done <- true
	}()
	l.source, l.keys, l.err = v.keys.Keys(&l.ctx, &l.request)
	returned = true
}

// keyPanicError is a panic of a key source on its way to the goroutine of the
// request.
type keyPanicError struct {
	value any
	stack []byte
}

// sourcePanic adds where it was to what was recovered, which may be nil.
func sourcePanic(value any) any {
	if value == nil || value == http.ErrAbortHandler { //nolint:errorlint // servers compare it so
		return value
	}
	return &keyPanicError{value, debug.Stack()}
}

// Error shows the value and the stack, since the panic goes on in another
// goroutine.
func (p *keyPanicError) Error() string {
	return fmt.Sprintf("%v\n\nin the key source:\n%s", p.value, p.stack)
}

// Unwrap returns the value if it is an error.
func (p *keyPanicError) Unwrap() error {
	err, _ := p.value.(error)
	return err
}
