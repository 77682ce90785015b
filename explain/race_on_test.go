//go:build race

package explain_test

// raceEnabled: a search takes ten times as long under the race detector.
const raceEnabled = true
