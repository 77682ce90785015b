package schemes

import "github.com/hookonce/hookonce/core"

// LaunchDarkly is the scheme of LaunchDarkly: X-Ld-Signature, HMAC-SHA256 of
// the body in hexadecimal. The body identifies the message. No document says
// that two events have different bodies, so a redelivery is not acknowledged.
// No time of an attempt is signed. Neither a library of the sender nor a
// published vector confirms this scheme.
//
// Source: another project's verifier, as of November 2026; the sender documents
// it at launchdarkly.com/docs/home/infrastructure/webhooks.
func LaunchDarkly() core.Scheme {
	return must(Template{
		Name: "launchdarkly", Signature: Header("X-Ld-Signature"),
		Indistinct: true,
		Content:    "{body}",
	})
}
