package schemes

import "github.com/hookonce/hookonce/core"

// ModernTreasury returns the scheme for Modern Treasury webhooks. The
// X-Signature header holds the hex-encoded HMAC-SHA256 of the body. The key is
// the webhook key. The body identifies the message. It is not known whether two
// events can have the same body, so a redelivery is refused with
// [core.ErrRepeated]. Attempts have no signed timestamp.
//
// Source: www.npmjs.com/package/modern-treasury/v/3.3.0, as of November 2026.
func ModernTreasury() core.Scheme {
	return must(Template{
		Name: "moderntreasury", Signature: Header("X-Signature"),
		Indistinct: true,
		Content:    "{body}",
	})
}
