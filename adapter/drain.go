//go:build !go1.27

package adapter

// drain is how long net/http may read on behind a refusal. It closes the
// connection at once when that ends.
const drain = grace
