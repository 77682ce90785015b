package core

import "context"

// Inspection holds the configuration and keys that a [Verifier] applies to one
// request, and the result. See [Verifier.Inspect].
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

// Inspect returns the configuration and keys that v applies to r, including
// secrets, and the result. It is for tools that investigate a refusal, such as
// package explain. It calls the key source once and does no other I/O: keys
// that fetch are not used. It claims nothing.
func (v *Verifier) Inspect(ctx context.Context, r *Request) Inspection {
	i := Inspection{Config: v.cfg}
	in := inputOf(r, nil)
	in.bodyRead = true
	i.Source, i.Keys, i.KeysErr = v.keysFor(ctx, in.r)
	k, err := v.ringOf(i.Source, i.Keys, i.KeysErr)
	k.unasked = v.facts.Fetches
	in.keys = &found{k, err}
	var m Message
	i.Err = v.verify(ended, &in, &m) //nolint:contextcheck // so that nothing is fetched
	return i
}
