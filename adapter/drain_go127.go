//go:build go1.27

package adapter

// drain is how long net/http may go on reading after a refusal. Since Go 1.27
// its half second follows when that ends, so both together are the grace.
const drain = pause
