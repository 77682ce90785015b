package schemes

import "github.com/hookonce/hookonce/core"

// ModernTreasury is the scheme of Modern Treasury: X-Signature, HMAC-SHA256 of
// the body in hexadecimal under the webhook key. The body identifies the
// message. No document says that two events have different bodies, so a
// redelivery is not acknowledged. No time of an attempt is signed.
//
// Source: www.npmjs.com/package/modern-treasury/v/3.3.0, as of November 2026.
func ModernTreasury() core.Scheme {
	return must(Template{
		Name: "moderntreasury", Signature: Header("X-Signature"),
		Indistinct: true,
		Content:    "{body}",
	})
}
