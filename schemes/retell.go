package schemes

import "github.com/hookonce/hookonce/core"

// Retell returns the scheme for Retell AI webhooks. In the X-Retell-Signature
// header, v is the timestamp in milliseconds and d is the signature. The
// signature is the hex-encoded HMAC-SHA256 of the body directly followed by v.
// The key is the API key. No id is signed, so each attempt counts as a separate
// message.
//
// Source: www.npmjs.com/package/retell-sdk/v/5.66.1, as of November 2026.
func Retell() core.Scheme {
	return must(Template{
		Name: "retell", Signature: Header("X-Retell-Signature"), List: ",", Label: "d=",
		Timestamp: Entry("X-Retell-Signature", "v"), Unit: Milliseconds, Stamping: core.StampedEachAttempt,
		Content: "{body}{timestamp}",
	})
}
