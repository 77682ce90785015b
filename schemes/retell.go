package schemes

import "github.com/hookonce/hookonce/core"

// Retell is the scheme of Retell AI: v and d in X-Retell-Signature, HMAC-SHA256
// of the body and the time, with nothing between, under the API key. No id is
// signed, so each attempt counts as a separate message.
//
// Source: www.npmjs.com/package/retell-sdk/v/5.66.1, as of November 2026.
func Retell() core.Scheme {
	return must(Template{
		Name: "retell", Signature: Header("X-Retell-Signature"), List: ",", Label: "d=",
		Timestamp: Entry("X-Retell-Signature", "v"), Unit: Milliseconds, Stamping: core.StampedEachAttempt,
		Content: "{body}{timestamp}",
	})
}
