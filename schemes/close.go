package schemes

import "github.com/hookonce/hookonce/core"

// Close is the scheme of Close: Close-Sig-Hash, HMAC-SHA256 in hexadecimal of
// the time in Close-Sig-Timestamp and the body, with nothing between. The
// secret is the signature_key of the subscription, in hexadecimal. The id of
// the event in the body identifies the message. Neither a library of the sender
// nor a published vector confirms this scheme.
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
