//go:build race

package core_test

// raceEnabled: sync.Pool drops items at random under the race detector, so allocations cannot be counted.
const raceEnabled = true
