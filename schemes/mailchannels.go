package schemes

import "github.com/hookonce/hookonce/core"

// MailChannels returns the scheme for MailChannels webhooks. They carry HTTP
// message signatures (RFC 9421) that cover only Content-Digest. See
// [HTTPSignatures]. The secret is the public key that MailChannels' API returns
// for the keyid of a signature. Write it in base64 or, to match only that
// keyid, as "keyid@ed25519:key". From a PEM text, take the part between the
// BEGIN and END lines. A [core.KeySource] can look the key up.
//
// Events have ids, but a request with several events has none of its own. The
// signed text, including the attempt's timestamp, therefore identifies the
// message, and a retry with a new signature is another message. The URL is not
// signed, and a key may sign for several customers, so check that the
// customer_handle of an event is yours.
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
	// Other components would need the public URL, and MailChannels signs no other components.
	if st, ok := a.State.(*httpSignature); !ok || len(st.components) != 1 {
		return malformed("the signature covers more than \"content-digest\", so it is not from MailChannels")
	}
	return nil
}
