package schemes

import "github.com/hookonce/hookonce/core"

// Jira returns the scheme for Jira Cloud webhooks. The X-Hub-Signature header
// holds "sha256=" followed by the hex-encoded HMAC-SHA256 of the body. The
// X-Atlassian-Webhook-Identifier header is not signed. It is the same in all
// retries, so together with the body it identifies the message. Attempts have
// no signed timestamp. This scheme has not been tested against an official
// library or a published test vector.
//
// Source: developer.atlassian.com/cloud/jira/platform/webhooks, as of August
// 2026.
func Jira() core.Scheme {
	return must(Template{
		Name: "jira", Signature: Header("X-Hub-Signature"), Label: "sha256=",
		ID: Header("X-Atlassian-Webhook-Identifier"), IDOptional: true, Indistinct: true,
		Content: "{body}",
	})
}
