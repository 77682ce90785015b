// Package engines has stores over engines that compare and swap, each in at
// most 25 lines to copy. docs/stores.md shows them as they are here, and the
// tests run them on real servers.
package engines
