// Package explain finds out why a request was refused. A signature that does
// not match gives no reason by itself. But the mistakes that people and proxies
// make are known, and each can be undone. This package undoes them one by one
// and in pairs, and reports those under which the signature verifies.
//
//	e := explain.Request(ctx, core.Refused{Verifier: v, Request: r}, nil)
//	fmt.Println(e) // secret-newline (proven): …
//
// A mistake is proven if undoing it makes the signature verify: no signature
// matches by accident. Other findings are observations of the request, such as
// a missing header. If there is neither, the mistake is "unknown", with the
// verifier's own error text.
//
// No result contains a secret, a computed MAC or the body. Findings are for the
// operator of the receiver: never send one to the sender.
package explain
