package schemes

import "github.com/hookonce/hookonce/core"

// Sentry is the scheme of Sentry's integrations: Sentry-Hook-Signature,
// HMAC-SHA256 of the body under the client secret. Sentry-Hook-Timestamp is not
// signed.
//
// Two events may have the same body. Request-ID is not signed, nor is
// Sentry-Hook-Resource, the type of the event. Together with the body they
// identify the message, within [core.Config].Repeats. Sentry gives each retry a
// new Request-ID, so a redelivery runs again. No time of an attempt is signed.
// Neither a library of the sender nor a published vector confirms this scheme.
func Sentry() core.Scheme {
	return must(Template{
		Name: "sentry", Signature: Header("Sentry-Hook-Signature"),
		ID: Header("Request-ID"), IDOptional: true, Indistinct: true, Topic: Header("Sentry-Hook-Resource"),
		Content: "{body}",
	})
}
