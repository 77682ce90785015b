package schemes

import "github.com/hookonce/hookonce/core"

// GitHub is the scheme of GitHub's webhooks: X-Hub-Signature-256, HMAC-SHA256 of the body under the secret as it was typed. The old
// X-Hub-Signature (SHA-1) is not looked at.
//
// Nothing signed tells when. X-GitHub-Delivery is not signed: it is Message.ID for logs, and the body identifies the message. A repository's and
// an organisation's webhook with one secret and one URL send equal bodies: give them URLs of their own.
func GitHub() core.Scheme {
	return must(Template{
		Name: "github", Signature: Header("X-Hub-Signature-256"), Label: "sha256=", ID: Header("X-GitHub-Delivery"), IDOptional: true,
		Topic:   Header("X-GitHub-Event"),
		Content: "{body}",
	})
}
