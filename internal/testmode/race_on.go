//go:build race

package testmode

// Race tells whether the race detector is on. It allocates memory of its own,
// and sync.Pool drops items at random under it, so nothing can be counted.
const Race = true
