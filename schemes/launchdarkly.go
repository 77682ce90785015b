package schemes

import "github.com/hookonce/hookonce/core"

// LaunchDarkly is the scheme of LaunchDarkly: X-Ld-Signature, HMAC-SHA256 of
// the body in hexadecimal. The body identifies the message. Nobody says that
// two events differ in it, so a handled message that comes again is not
// acknowledged.
//
// Source: launchdarkly.com/docs/home/infrastructure/webhooks, as of November
// 2026.
func LaunchDarkly() core.Scheme {
	return must(Template{
		Name: "launchdarkly", Signature: Header("X-Ld-Signature"),
		Indistinct: true,
		Content:    "{body}",
	})
}
