// Package release proves that this tree can be released: anybody can install
// every module from a module proxy on disk, and the documents work as pasted.
// It consists of tests only.
package release
