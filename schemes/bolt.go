package schemes

import "github.com/hookonce/hookonce/core"

// Bolt returns the scheme for Bolt webhooks. The X-Bolt-Hmac-Sha256 header
// holds the base64-encoded HMAC-SHA256 of the body. The key is the signing
// secret. The body identifies the message. It is not known whether two events
// can have the same body, so a redelivery is refused with [core.ErrRepeated].
// Attempts have no signed timestamp. This scheme has not been tested against an
// official library or a published test vector.
//
// Source: help.bolt.com/developers/guides/webhooks/hook-verification/, as of
// November 2026.
func Bolt() core.Scheme {
	return must(Template{
		Name: "bolt", Signature: Header("X-Bolt-Hmac-Sha256"),
		Encoding:   core.Base64,
		Indistinct: true,
		Content:    "{body}",
	})
}
