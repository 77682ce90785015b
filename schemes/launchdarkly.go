package schemes

import "github.com/hookonce/hookonce/core"

// LaunchDarkly returns the scheme for LaunchDarkly webhooks. The X-Ld-Signature
// header holds the hex-encoded HMAC-SHA256 of the body. The body identifies the
// message. It is not known whether two events can have the same body, so a
// redelivery is refused with [core.ErrRepeated]. Attempts have no signed
// timestamp. This scheme has not been tested against an official library or a
// published test vector.
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
