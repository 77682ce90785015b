//go:build !race

package testmode

// Race tells whether the race detector is on.
const Race = false
