package nethttp

import (
	"errors"
	"net/http"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/httpwh"
)

// Verify checks headers, tolerance and signature of a request, including one of
// gin or echo, and returns its message:
//
//	msg, err := nethttp.Verify(v, r)
//
// It has no replay protection, because it claims nothing. The same request
// passes again while its timestamp is within the tolerance, and a redelivery
// runs like a first attempt. Use [New] where an effect must happen once. v's
// observer is not called.
//
// The body is read up to Config.MaxBody and put back into r, after an error
// too, so that it can be read as if Verify had not been called. Message.Body,
// r.Body and GetBody share it: do not change it. Config.BodyTimeout does not
// apply, because a read deadline can be set only through the ResponseWriter.
// Set http.Server.ReadTimeout instead.
//
// The error is a [*core.Error]. Its Answer method returns the response to send.
func Verify(v *core.Verifier, r *http.Request) (core.Message, error) {
	target, body := httpwh.Request(r), httpwh.NewBody(nil, r)
	length, encoding := r.ContentLength, r.TransferEncoding
	m, err := v.ReadAndVerify(r.Context(), &target, &body)
	body.Restore(r)
	if errors.Is(err, core.ErrBodyConsumed) {
		r.ContentLength, r.TransferEncoding = length, encoding // they show whether there is a body
	}
	return m, err
}
