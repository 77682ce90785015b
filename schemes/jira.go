package schemes

import "github.com/hookonce/hookonce/core"

// Jira is the scheme of Jira Cloud: X-Hub-Signature with sha256, HMAC-SHA256 of
// the body. X-Atlassian-Webhook-Identifier is not signed. Jira keeps it over
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
