//go:build go1.27

package adapter

// drain is how long net/http may continue to read after a refusal. Since Go
// 1.27, net/http's half second follows when that time ends, so both together
// are the grace.
const drain = pause
