// Package release proves that this tree can be released: a stranger finds every
// module in a module proxy on disk, and the documents work as pasted there. All
// of it is tests.
package release
