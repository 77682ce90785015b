//go:build !go1.27

package adapter

// drain is how long net/http may go on reading after a refusal. It closes the
// connection at once when that ends.
const drain = grace
