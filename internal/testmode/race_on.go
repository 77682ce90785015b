//go:build race

package testmode

// Race reports whether the race detector is on. The race detector allocates
// memory, and makes sync.Pool drop items at random, so allocations cannot be
// counted.
const Race = true
