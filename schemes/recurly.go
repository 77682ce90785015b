package schemes

import "github.com/hookonce/hookonce/core"

// Recurly returns the scheme for Recurly's JSON webhooks. Recurly does not sign
// its XML webhooks. The Recurly-Signature header is a list: first the timestamp
// in milliseconds, then one or more signatures. A signature is the hex-encoded
// HMAC-SHA256 of "timestamp.body". No id is signed, so each attempt counts as a
// separate message. This scheme has not been tested against an official library
// or a published test vector.
//
// Source: rubydoc.info/gems/recurly/Recurly/Webhooks, the code of Recurly's
// library for Ruby, as of November 2026.
func Recurly() core.Scheme {
	return must(Template{
		Name: "recurly", Signature: Header("Recurly-Signature"), List: ",",
		Timestamp: Item("Recurly-Signature", 0), Unit: Milliseconds, Stamping: core.StampedEachAttempt,
		Content: "{timestamp}.{body}",
	})
}
