package schemes

import "github.com/hookonce/hookonce/core"

// Close returns the scheme for webhooks of Close, the CRM. The Close-Sig-Hash
// header holds the hexadecimal HMAC-SHA256 of the time in Close-Sig-Timestamp,
// followed directly by the body. The secret is the subscription's
// signature_key, in hexadecimal. The event's id in the body identifies the
// message. This scheme has not been tested against an official library or a
// published test vector.
//
// Source: a copy of developer.close.com/topics/webhooks/, as of November 2026.
func Close() core.Scheme {
	return must(Template{
		Name: "close", Signature: Header("Close-Sig-Hash"), Secret: HexText,
		Timestamp: Header("Close-Sig-Timestamp"), Stamping: core.StampedEachAttempt,
		ID:      JSON("event", "id"),
		Content: "{timestamp}{body}",
	})
}
