// Package inspect is a page in the browser that shows deliveries as they arrive
// and why they were refused. It is served on loopback only, and loads nothing
// from elsewhere.
//
// It knows no explanations and no flags: deliveries are given to it with what
// was found of them, and what only a program can do is an [Action].
package inspect
