// Package explain answers why a request was refused. A signature that does not
// fit says nothing about the reason; but the mistakes that people and proxies
// make are known, and each can be undone: this package undoes them one after
// another and in pairs, and names those under which the signature verifies.
//
//	e := explain.Request(ctx, core.Refused{Verifier: v, Request: r}, nil)
//	fmt.Println(e) // secret-newline (proven): …
//
// A mistake that was found by trying is proven: nobody makes a signature fit by
// accident. What is seen is an observation, such as a header that is not there,
// and says no more than what the request shows. If nothing fits and nothing can
// be seen, the word is "unknown", and the verifier's own sentence stands behind
// it.
//
// Nothing that is returned holds a secret, a computed MAC or the body. A
// finding is for whoever runs the receiver: never send one to the sender.
package explain
