package core

import (
	"context"
	"net/http"
)

// Inspection holds what a [Verifier] uses to judge one request, and its
// verdict. See [Verifier.Inspect].
type Inspection struct {
	// Config is the verifier's configuration, with its defaults filled in.
	Config Config
	// Source, Keys and KeysErr are what the key source returned for the
	// request. Keys that came with an error are not used.
	Source  string
	Keys    *Keys
	KeysErr error
	// Err is the error of [Verifier.Verify] for the request under these keys.
	// It is nil if the request is accepted, or if only keys that fetch (see
	// [Facts]) could decide.
	Err error
}

// Inspect returns what v uses to judge r, including secrets. It is for tools
// that investigate a refusal, such as package explain. It calls the key source
// once and does no other I/O: keys that fetch are not used. It claims nothing.
func (v *Verifier) Inspect(ctx context.Context, r *Request) Inspection {
	i := Inspection{Config: v.cfg}
	copied := *r
	if copied.Header == nil {
		copied.Header = http.Header(nil) // for the key source
	}
	i.Source, i.Keys, i.KeysErr = v.keysFor(ctx, &copied)
	k, err := v.ringOf(i.Source, i.Keys, i.KeysErr)
	var m Message
	i.Err = v.verify(ended, &copied, nil, &found{k, err, v.facts.Fetches}, &m) //nolint:contextcheck // so that nothing is fetched
	return i
}
