package schemes

import "github.com/hookonce/hookonce/core"

// Bitbucket is the scheme of Bitbucket Cloud: X-Hub-Signature with sha256,
// HMAC-SHA256 of the body. For Jira see [Jira].
//
// X-Request-UUID and X-Event-Key are not signed. A push that is undone and
// repeated may have the same body. Together with the body, these two identify
// the message, up to the limit in [core.Config].Repeats. Attempts have no
// signed timestamp. This scheme has not been tested against an official library
// or a published test vector.
//
// Source: bitbucket.org/blog/enhanced-webhook-security, as of August 2026.
func Bitbucket() core.Scheme {
	return must(Template{
		Name: "bitbucket", Signature: Header("X-Hub-Signature"), Label: "sha256=",
		ID: Header("X-Request-UUID"), IDOptional: true, Indistinct: true, Topic: Header("X-Event-Key"),
		Content: "{body}",
	})
}
