package schemes

import "github.com/hookonce/hookonce/core"

// Bitbucket is the scheme of Bitbucket Cloud: X-Hub-Signature with sha256,
// HMAC-SHA256 of the body. For Jira see [Jira].
//
// X-Request-UUID and X-Event-Key are not signed. A push that is undone and
// repeated may have the same body. Together with the body, these two identify
// the message, within [core.Config].Repeats. No time of an attempt is signed.
// Neither a library of the sender nor a published vector confirms this scheme.
//
// Source: bitbucket.org/blog/enhanced-webhook-security, as of August 2026.
func Bitbucket() core.Scheme {
	return must(Template{
		Name: "bitbucket", Signature: Header("X-Hub-Signature"), Label: "sha256=",
		ID: Header("X-Request-UUID"), IDOptional: true, Indistinct: true, Topic: Header("X-Event-Key"),
		Content: "{body}",
	})
}
