// Package migrating contains the calls in docs/migrating.md: those of libraries
// that verify webhooks, and those of hookonce that replace them.
package migrating
