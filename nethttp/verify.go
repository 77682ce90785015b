package nethttp

import (
	"errors"
	"net/http"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/httpwh"
)

// Verify checks the headers, timestamp and signature of a request and returns
// its message. r may come from gin (c.Request) or echo (c.Request()):
//
//	msg, err := nethttp.Verify(v, r)
//
// It has no replay protection, because it claims nothing. Verify accepts the
// same request again while its timestamp, if signed, is within the tolerance.
// It accepts a redelivery as if it were the first attempt. Use [New] if an
// effect must happen only once. v's observer is not called.
//
// Verify reads the body up to Config.MaxBody and puts it back into r, even
// after an error. The body can then be read as if Verify had not been called.
// Message.Body, r.Body and GetBody share one buffer: do not change it.
// Config.BodyTimeout does not apply, because a read deadline can be set only
// through the ResponseWriter. Set http.Server.ReadTimeout instead.
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
