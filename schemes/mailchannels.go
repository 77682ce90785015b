package schemes

import "github.com/hookonce/hookonce/core"

// MailChannels is the scheme of MailChannels' webhooks: HTTP message signatures
// (RFC 9421) that cover only Content-Digest; see [HTTPSignatures]. The secret
// is the key that MailChannels' API returns for the keyid of a signature, in
// base64 or, to match only that keyid, as "keyid@ed25519:key". From a PEM text,
// take the part between the BEGIN and END lines. A [core.KeySource] can look it
// up.
//
// The signed text, including the time of the attempt, identifies the message:
// events have ids, but a delivery of several events has none. So a retry with a
// new signature is another message. The address is not signed, and a key may
// sign for several customers: check that the customer_handle of an event is
// yours.
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
	// Other components would need the public address, and MailChannels signs no others.
	if st, ok := a.State.(*httpSignature); !ok || len(st.components) != 1 {
		return malformed("the signature covers more than \"content-digest\", so it is not from MailChannels")
	}
	return nil
}
