//go:build !race

package nethttp_test

import "testing"

// Under the race detector pools drop items at random.
func TestAllocations(t *testing.T) {
	// Four are the adapter's: the exchange (including recorder, reader and body reader), the buffer
	// of the body, the copy of the request, and GetBody. One is core's: the delivery. One is spare,
	// for pools that the garbage collector empties and for the growing store.
	const budget = 6
	const runs = 500
	if got := testing.AllocsPerRun(runs, attempts(t, runs+1)); got > budget {
		t.Errorf("%v allocations for a message of 1 KiB, want at most %d", got, budget)
	}
}
