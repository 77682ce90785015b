package schemes

import "github.com/hookonce/hookonce/core"

// Sentry is the scheme of Sentry's integrations: Sentry-Hook-Signature, HMAC-SHA256 of the body under the client secret. Sentry-Hook-Resource,
// which says what the event is, and Sentry-Hook-Timestamp are not signed: look at the body. Request-ID is good for logs only.
func Sentry() core.Scheme {
	return must(Template{
		Name: "sentry", Signature: Header("Sentry-Hook-Signature"), ID: Header("Request-ID"), IDOptional: true,
		Topic:   Header("Sentry-Hook-Resource"),
		Content: "{body}",
	})
}
