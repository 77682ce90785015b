// Package testmode reports to the tests of this module how they are run.
package testmode

import "testing"

// Brief reports whether a search through many cases should be short. It should
// be under -short, and under the race detector, which makes a search many times
// slower and finds nothing in one goroutine. make long runs such searches in
// full.
func Brief() bool { return Race || testing.Short() }

// Count skips a test that counts allocations or bytes if the race detector is
// on.
func Count(t testing.TB) {
	t.Helper()
	if Race {
		t.Skip("allocations cannot be counted with the race detector: run `make long`")
	}
}
