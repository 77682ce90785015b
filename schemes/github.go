package schemes

import "github.com/hookonce/hookonce/core"

// GitHub returns the scheme for GitHub's webhooks. The X-Hub-Signature-256
// header holds the hex-encoded HMAC-SHA256 of the body. The key is the text of
// the secret. The old X-Hub-Signature header (SHA-1) is ignored.
//
// No signed field contains a time, and two events may have the same body, as
// when a star is added, removed and added again. The X-GitHub-Delivery and
// X-GitHub-Event headers are not signed. Together with the body they identify
// the message, up to the limit in [core.Config].Repeats. A redelivery keeps
// both headers.
//
// Source:
// docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries, as
// of November 2026.
func GitHub() core.Scheme {
	return must(Template{
		Name: "github", Signature: Header("X-Hub-Signature-256"), Label: "sha256=",
		ID: Header("X-GitHub-Delivery"), IDOptional: true, Indistinct: true, Topic: Header("X-GitHub-Event"),
		Content: "{body}",
	})
}
