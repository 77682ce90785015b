package nethttp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/hookonce/hookonce/core"
)

// maxSigned is the largest body that the transport signs: it is held in memory,
// once.
const maxSigned = 32 << 20

type transport struct {
	signer *core.Signer
	base   http.RoundTripper
}

// NewTransport returns an http.RoundTripper that signs each request and sends
// it through base. If base is nil, it uses [http.DefaultTransport].
// NewTransport panics if signer is nil. The RoundTripper is safe for concurrent
// use.
//
// The transport keeps a webhook-id header that the caller sets. Set the same id
// for every attempt of a message. Without that header the request is a new
// message with a new id. Each request is signed with the current time, in whole
// seconds. The transport does not rewind the body. If you send a request again
// without a new Body, only the rest of the old Body is signed and sent. Usually
// that is nothing, and there is no error. To retry, send the same webhook-id
// header and set Body again. If GetBody is set, use req.Body, err =
// req.GetBody().
//
// The transport reads and closes the body, and signs it. A body over 32 MiB is
// an error. Apart from its Body, the caller's request is not changed. The
// transport refuses redirects with an error. Standard Webhooks defines
// redirects as failures, and following one would send the message to an address
// that nobody registered. To get the redirect response instead, let
// http.Client.CheckRedirect return http.ErrUseLastResponse.
func NewTransport(signer *core.Signer, base http.RoundTripper) http.RoundTripper {
	if signer == nil {
		panic("nethttp.NewTransport: the signer is nil: create one with core.NewSigner and check its error")
	}
	if base == nil {
		base = http.DefaultTransport
	}
	return &transport{signer, base}
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := readAndClose(r)
	if err != nil {
		return nil, err
	}
	if r.Response != nil {
		return nil, errors.New("hookonce: the endpoint redirects a signed message: register its final URL instead")
	}
	id := r.Header.Get("Webhook-Id")
	if id == "" {
		id = core.NewID()
	}
	signed := r.Clone(r.Context())
	if signed.Header == nil {
		signed.Header = make(http.Header)
	}
	now := time.Now() //nolint:forbidigo // the receiver compares it with its wall clock
	if err := t.signer.Sign(signed.Header, id, now, body); err != nil {
		return nil, fmt.Errorf("signing a message: %w", err)
	}
	signed.ContentLength, signed.TransferEncoding = int64(len(body)), nil
	signed.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	signed.Body = http.NoBody
	if len(body) > 0 {
		signed.Body, _ = signed.GetBody()
	}
	return t.base.RoundTrip(signed)
}

// readAndClose reads the body, which a RoundTripper must always close.
func readAndClose(r *http.Request) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	defer r.Body.Close() //nolint:errcheck // it was read
	body, err := io.ReadAll(io.LimitReader(r.Body, maxSigned+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("hookonce: reading the body to sign it: %w", err)
	case len(body) > maxSigned:
		return nil, fmt.Errorf("hookonce: the body to sign exceeds %d bytes: send a reference to it instead", maxSigned)
	}
	return body, nil
}

// CloseIdleConnections supports http.Client.CloseIdleConnections.
func (t *transport) CloseIdleConnections() {
	if c, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}
