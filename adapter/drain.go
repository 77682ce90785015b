//go:build !go1.27

package adapter

// drain is how long net/http may continue to read after a refusal. When that
// time ends, net/http closes the connection at once.
const drain = grace
