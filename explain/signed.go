package explain

import (
	"bytes"
	"strings"

	"github.com/hookonce/hookonce/core"
)

// signed is a request under which a signature verified: the head and the body
// with all mistakes undone.
type signed struct {
	head head
	body []byte
}

// newSigned copies the body, because the search may reuse its memory.
func newSigned(h *head, body []byte) *signed { return &signed{*h, bytes.Clone(body)} }

// DangerouslyAsSigned returns the request as the sender signed it, and what the
// scheme reads from it. If the finding is body-digest, r.Body is still the
// changed body: the body that was signed is unknown. a.Content holds the signed
// bytes. Both results are nil if no mistake was proven. If the only proven
// mistake is in the secret, r is the request as received.
//
// It is dangerous because both results contain the body and the signatures,
// unlike the rest of an explanation. Show them only to a developer, and do not
// log them.
func (e Explanation) DangerouslyAsSigned() (r *core.Request, a *core.Attempt) {
	if e.signed == nil {
		return nil, nil
	}
	a, _ = e.signed.head.read(e.signed.body)
	if a == nil {
		return nil, nil
	}
	// Callers get copies and so cannot change the explanation.
	copied := e.signed.head.req
	copied.Header, copied.Body = asMap(copied.Header).Clone(), e.signed.body
	// The head has a spelling that the scheme can read. The sender wrote another one: restore it.
	for _, w := range e.signed.head.swaps {
		for _, values := range asMap(copied.Header) {
			for i := range values {
				values[i] = strings.Replace(values[i], w.read, w.signed, 1)
			}
		}
	}
	return &copied, a
}
