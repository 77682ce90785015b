package schemes

import "github.com/hookonce/hookonce/core"

// Klarna returns the scheme for Klarna's webhooks. The Klarna-Signature header
// holds the hex-encoded HMAC-SHA256 of the body. The key is the signing key
// that the Klarna-Signing-Key-Id header names. That header is not signed and
// not read: configure every signing key that is in use. The event's id in the
// body's metadata identifies the message. Attempts have no signed timestamp.
// This scheme has not been tested against an official library or a published
// test vector.
//
// Source: docs.klarna.com and the encoding in krokedil/klarna-express-checkout,
// a plugin for Klarna, at commit 49e84e1, as of November 2026.
func Klarna() core.Scheme {
	return must(Template{
		Name: "klarna", Signature: Header("Klarna-Signature"),
		ID:      JSON("metadata", "event_id"),
		Content: "{body}",
	})
}
