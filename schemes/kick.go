package schemes

import "github.com/hookonce/hookonce/core"

// Kick is the scheme of Kick: Kick-Event-Signature, RSA with SHA-256 over
// "id.time.body" with Kick-Event-Message-Id and Kick-Event-Message-Timestamp
// (RFC 3339), in base64. Kick has one public key for all receivers. The secret
// is the text between its BEGIN and END lines, without the line breaks. The id
// identifies the message. This scheme has not been tested against an official
// library or a published test vector.
//
// Source: nuxt-webhook-validators 0.2.12, as of November 2026.
func Kick() core.Scheme {
	return must(Template{
		Name: "kick", Signature: Header("Kick-Event-Signature"), Algorithm: RSASHA256, Secret: Base64Text, Encoding: core.Base64,
		Timestamp: Header("Kick-Event-Message-Timestamp"), Unit: RFC3339, Stamping: core.StampedEachAttempt,
		ID:      Header("Kick-Event-Message-Id"),
		Content: "{id}.{timestamp}.{body}",
	})
}
