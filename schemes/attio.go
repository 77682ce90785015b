package schemes

import "github.com/hookonce/hookonce/core"

// Attio returns the scheme for Attio webhooks. The Attio-Signature header holds
// the hex-encoded HMAC-SHA256 of the body. The Idempotency-Key header is not
// signed, and is the same in all attempts and redeliveries of a message.
// Together with the body it identifies the message, up to the limit in
// [core.Config].Repeats. Attempts have no signed timestamp. This scheme has not
// been tested against an official library or a published test vector.
//
// Source: docs.attio.com/rest-api/how-to/webhooks, as of November 2026.
func Attio() core.Scheme {
	return must(Template{
		Name: "attio", Signature: Header("Attio-Signature"),
		ID: Header("Idempotency-Key"), IDOptional: true, Indistinct: true,
		Content: "{body}",
	})
}
