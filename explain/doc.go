// Package explain reports why a request was refused. A signature that does not
// match gives no reason by itself. But the common mistakes of people and
// proxies are known, and each can be undone. This package undoes such mistakes
// one by one and in pairs, and reports those whose reversal makes the signature
// verify.
//
//	e := explain.Request(ctx, core.Refused{Verifier: v, Request: r}, nil)
//	fmt.Println(e) // secret-newline (proven): …
//
// A mistake is proven if the signature verifies when the mistake is undone: no
// signature matches by accident. Other findings are observations of the
// request, such as a missing header. If there is neither, the only finding is
// "unknown", with the verifier's error text.
//
// No result contains a secret, a computed MAC or the body. Findings are for the
// operator of the receiver: never send a finding to the sender.
package explain
