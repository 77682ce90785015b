package schemes

import "github.com/hookonce/hookonce/core"

// Buildkite returns the scheme for Buildkite webhooks. In the
// X-Buildkite-Signature header, signature is the hex-encoded HMAC-SHA256 of
// "timestamp.body" under the webhook's token. No id is signed, so each attempt
// counts as a separate message.
//
// Source: pkg.go.dev/github.com/buildkite/go-buildkite/v4@v4.23.0, as of
// November 2026.
func Buildkite() core.Scheme {
	return must(Template{
		Name: "buildkite", Signature: Header("X-Buildkite-Signature"), List: ",", Label: "signature=",
		Timestamp: Entry("X-Buildkite-Signature", "timestamp"), Stamping: core.StampedEachAttempt,
		Content: "{timestamp}.{body}",
	})
}
