package schemes

import "github.com/hookonce/hookonce/core"

// Bitbucket returns the scheme for Bitbucket Cloud webhooks. The
// X-Hub-Signature header holds "sha256=" followed by the hex-encoded
// HMAC-SHA256 of the body. For Jira, see [Jira].
//
// A push that is undone and repeated may have the same body. The X-Request-UUID
// and X-Event-Key headers are not signed. Together with the body, these two
// headers identify the message, up to the limit in [core.Config].Repeats.
// Attempts have no signed timestamp. This scheme has not been tested against an
// official library or a published test vector.
//
// Source: bitbucket.org/blog/enhanced-webhook-security, as of August 2026.
func Bitbucket() core.Scheme {
	return must(Template{
		Name: "bitbucket", Signature: Header("X-Hub-Signature"), Label: "sha256=",
		ID: Header("X-Request-UUID"), IDOptional: true, Indistinct: true, Topic: Header("X-Event-Key"),
		Content: "{body}",
	})
}
