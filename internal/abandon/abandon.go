// Package abandon calls clients that may ignore their context. A call that does
// not return in time continues in the background, without its caller.
package abandon

import (
	"context"
	"fmt"
	"sync/atomic"
)

// Most is the number of abandoned calls of a store after which new calls fail.
// It does not limit calls whose callers still wait.
const Most = 1024

// Calls counts the abandoned calls of a store. The zero Calls is ready for use.
type Calls struct {
	// Prefix is the beginning of the errors that Call itself returns.
	Prefix string

	running atomic.Int64
}

// Call calls f, which uses the client, and returns at the latest when ctx ends.
// f then continues until the client's own timeout, and its result is dropped.
// If f panics, Call returns an error.
func Call[T any](ctx context.Context, abandoned *Calls, f func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	var none T
	if abandoned.running.Load() >= Most {
		return none, fmt.Errorf("%s%d calls of the client have not returned, although their time is up. Check that the server responds, and set a "+
			"timeout in the client", abandoned.Prefix, Most)
	}
	done := make(chan result, 1) // filled by f or by a caller that leaves, whichever is first
	go func() {
		returned := false
		var r result
		defer func() {
			if p := recover(); p != nil { // in this goroutine it would end the program, not only the request
				r.err = fmt.Errorf("%sthe client panicked: %v", abandoned.Prefix, p)
			} else if !returned {
				r.err = fmt.Errorf("%sthe client ended its goroutine instead of returning", abandoned.Prefix)
			}
			select {
			case done <- r:
			default:
				abandoned.running.Add(-1)
			}
		}()
		r.value, r.err = f()
		returned = true
	}()
	select {
	case r := <-done:
		if r.err != nil && ctx.Err() != nil {
			return r.value, fmt.Errorf("%w: %w", ctx.Err(), r.err)
		}
		return r.value, r.err
	case <-ctx.Done():
		select {
		case done <- result{}:
			abandoned.running.Add(1)
		default: // f has just returned
		}
		return none, ctx.Err()
	}
}
