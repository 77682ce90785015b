package schemes

import "github.com/hookonce/hookonce/core"

// Gitea returns the scheme for Gitea and Forgejo webhooks. The
// X-Gitea-Signature header holds the hex-encoded HMAC-SHA256 of the body. No
// signed field contains a time, and two events may have the same body. The
// X-Gitea-Delivery and X-Gitea-Event headers are not signed. Together with the
// body they identify the message, up to the limit in [core.Config].Repeats.
//
// Source: pkg.go.dev/github.com/go-playground/webhooks/v6@v6.4.0, as of
// November 2026.
func Gitea() core.Scheme {
	return must(Template{
		Name: "gitea", Signature: Header("X-Gitea-Signature"),
		ID: Header("X-Gitea-Delivery"), IDOptional: true, Indistinct: true, Topic: Header("X-Gitea-Event"),
		Content: "{body}",
	})
}
