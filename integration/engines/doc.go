// Package engines contains stores on engines with compare-and-swap, each in at
// most 25 lines to copy. docs/stores.md shows exactly these files, and the
// tests run them on real servers.
package engines
