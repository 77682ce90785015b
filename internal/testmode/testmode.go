// Package testmode tells the tests of this module how they are run.
package testmode

import "testing"

// Brief reports whether a search through many cases should be a short one:
// under -short, and under the race detector, which makes it many times slower
// and finds nothing in a search of one goroutine. make long runs such searches
// whole.
func Brief() bool { return Race || testing.Short() }

// Count skips a test that counts allocations or bytes under the race detector.
func Count(t testing.TB) {
	t.Helper()
	if Race {
		t.Skip("allocations cannot be counted with the race detector: run `make long`")
	}
}
