//go:build race

package core //nolint:testpackage // for the simulation

// The simulation has one thread: the race detector finds nothing in it, and makes it many times slower.
func init() { simulationShare = 10 }
