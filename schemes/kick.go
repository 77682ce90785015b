package schemes

import "github.com/hookonce/hookonce/core"

// Kick returns the scheme for Kick webhooks. The Kick-Event-Signature header
// holds the base64-encoded RSA signature (SHA-256) of "id.timestamp.body". The
// Kick-Event-Message-Id and Kick-Event-Message-Timestamp headers hold the id
// and the timestamp (RFC 3339). Kick has one public key for all receivers. The
// secret is that key: the PEM text between the BEGIN and END lines, without the
// line breaks. The id identifies the message. This scheme has not been tested
// against an official library or a published test vector.
//
// Source: www.npmjs.com/package/nuxt-webhook-validators/v/0.2.12, as of
// November 2026.
func Kick() core.Scheme {
	return must(Template{
		Name: "kick", Signature: Header("Kick-Event-Signature"), Algorithm: RSASHA256, Secret: Base64Text, Encoding: core.Base64,
		Timestamp: Header("Kick-Event-Message-Timestamp"), Unit: RFC3339, Stamping: core.StampedEachAttempt,
		ID:      Header("Kick-Event-Message-Id"),
		Content: "{id}.{timestamp}.{body}",
	})
}
