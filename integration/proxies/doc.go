// Package proxies sends signed requests through real HTTP proxies, to see what becomes of them. Its test writes the tables of docs/proxies.md.
package proxies
