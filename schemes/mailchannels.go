package schemes

import "github.com/hookonce/hookonce/core"

// MailChannels is the scheme of MailChannels' webhooks: HTTP message signatures
// as of RFC 9421, which cover Content-Digest alone; see [HTTPSignatures]. The
// secret is the key that MailChannels' API returns for the keyid of a
// signature, in base64 or, so that it fits that keyid alone, as
// "keyid@ed25519:key". Of a PEM text it is what stands between the lines. A
// [core.KeySource] can look it up.
//
// The signed text identifies the message, with the time of the attempt in it:
// events have ids of their own, a delivery of several has none. A retry that is
// signed anew is another message. The address is not signed, and nobody says
// that a key signs for one customer alone: look whether the customer_handle of
// an event is yours.
//
// Source: www.npmjs.com/package/mailchannels-sdk/v/0.7.11, as of November 2026.
func MailChannels() core.Scheme {
	return mailChannels{&httpSignatures{required: []string{"content-digest"}}}
}

type mailChannels struct{ *httpSignatures }

func (mailChannels) Name() string { return "mailchannels" }

// Facts implements [core.Describer].
func (s mailChannels) Facts() core.Facts {
	f := s.httpSignatures.Facts()
	f.URL, f.At = "", nil
	return f
}

// ReadHeader implements [core.Scheme].
func (s mailChannels) ReadHeader(r *core.Request, a *core.Attempt) error {
	if err := s.httpSignatures.ReadHeader(r, a); err != nil {
		return err
	}
	// More would need the public address, and MailChannels covers no more.
	if st, ok := a.State.(*httpSignature); !ok || len(st.components) != 1 {
		return malformed("the signature covers more than \"content-digest\": those of MailChannels do not")
	}
	return nil
}
