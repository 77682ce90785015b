package schemes

import "github.com/hookonce/hookonce/core"

// Bitbucket is the scheme of Bitbucket Cloud and Jira Cloud: X-Hub-Signature with sha256, HMAC-SHA256 of the body. X-Request-UUID is not
// signed and good for logs only.
func Bitbucket() core.Scheme {
	return must(Template{
		Name: "bitbucket", Signature: Header("X-Hub-Signature"), Label: "sha256=", ID: Header("X-Request-UUID"), IDOptional: true,
		Topic:   Header("X-Event-Key"),
		Content: "{body}",
	})
}
