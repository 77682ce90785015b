// Package explain reports why a request was refused. A failed signature check
// does not say why it failed. But people and proxies make certain mistakes
// again and again, and most of them can be undone. This package undoes them,
// alone and in combination, until the signature verifies. Then it reports the
// mistakes that it undid.
//
//	e := explain.Request(ctx, core.Refused{Verifier: v, Request: r}, nil)
//	fmt.Println(e) // secret-newline (proven): …
//
// A mistake is proven if undoing it makes the signature verify. No signature
// matches by accident. Other findings are observations of the request, such as
// a missing header. If there is neither, the finding is "unknown", or
// "not-tried" if the sender's keys are fetched. This finding contains the
// verifier's error text, if there is one. If nothing is proven and the search
// was cut short, the finding "unfinished" is added. A request whose signature
// and timestamp the verifier accepts has no finding, unless its body was
// consumed or is too large. A replay is such a request.
//
// No printed result contains a secret, a computed MAC or the body. Only
// [Explanation.DangerouslyAsSigned] returns the body. Findings are for the
// operator of the receiver: never send a finding to the sender.
package explain
