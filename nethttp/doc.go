// Package nethttp puts a webhook verifier in front of an http.Handler.
package nethttp
