// Package migrating has the calls of docs/migrating.md: of libraries that
// verify webhooks, and of hookonce in their place.
package migrating
