package schemes

import "github.com/hookonce/hookonce/core"

// Bitbucket is the scheme of Bitbucket Cloud: X-Hub-Signature with sha256,
// HMAC-SHA256 of the body. For Jira see [Jira].
//
// X-Request-UUID and X-Event-Key are not signed. The body of a push that is
// undone and made again may be the same, so they tell events apart: together
// with the body they identify the message, within [core.Config].Repeats. No
// time of an attempt is signed. Neither a library of the sender nor a published
// vector confirms this scheme.
//
// Source: bitbucket.org/blog/enhanced-webhook-security, as of August 2026.
func Bitbucket() core.Scheme {
	return must(Template{
		Name: "bitbucket", Signature: Header("X-Hub-Signature"), Label: "sha256=",
		ID: Header("X-Request-UUID"), IDOptional: true, Indistinct: true, Topic: Header("X-Event-Key"),
		Content: "{body}",
	})
}
