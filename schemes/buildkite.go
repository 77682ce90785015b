package schemes

import "github.com/hookonce/hookonce/core"

// Buildkite returns the scheme for Buildkite webhooks. In the
// X-Buildkite-Signature header, signature is the hex-encoded HMAC-SHA256 of
// "timestamp.body" under the webhook's token. No id is signed, so each attempt
// counts as a separate message.
//
// Source: a third-party verifier, as of November 2026. The sender documents its
// webhooks at buildkite.com/docs/apis/webhooks/pipelines.
func Buildkite() core.Scheme {
	return must(Template{
		Name: "buildkite", Signature: Header("X-Buildkite-Signature"), List: ",", Label: "signature=",
		Timestamp: Entry("X-Buildkite-Signature", "timestamp"), Stamping: core.StampedEachAttempt,
		Content: "{timestamp}.{body}",
	})
}
