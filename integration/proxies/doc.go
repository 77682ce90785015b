// Package proxies sends signed requests through real HTTP proxies to hookonce,
// and writes what became of them into docs/proxies.md.
package proxies
