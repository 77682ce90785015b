package schemes

import "github.com/hookonce/hookonce/core"

// Sentry returns the scheme for Sentry's integrations. The
// Sentry-Hook-Signature header holds the hex-encoded HMAC-SHA256 of the body.
// The key is the client secret. The Sentry-Hook-Timestamp header is not signed.
//
// Two events may have the same body. The Request-ID header and the
// Sentry-Hook-Resource header, which names the event type, are not signed.
// Together with the body they identify the message, up to the limit in
// [core.Config].Repeats. Sentry gives each retry a new Request-ID, so the
// handler runs again for a redelivery. Attempts have no signed timestamp. This
// scheme has not been tested against an official library or a published test
// vector.
func Sentry() core.Scheme {
	return must(Template{
		Name: "sentry", Signature: Header("Sentry-Hook-Signature"),
		ID: Header("Request-ID"), IDOptional: true, Indistinct: true, Topic: Header("Sentry-Hook-Resource"),
		Content: "{body}",
	})
}
