// Package inspect serves a web page that shows deliveries as they arrive, and
// why they were refused. It listens on loopback only, and loads nothing from
// elsewhere.
//
// The package has no code for explanations or flags: the caller adds deliveries
// with their findings, and an [Action] does what only the program can do.
package inspect
