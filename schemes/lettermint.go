package schemes

import "github.com/hookonce/hookonce/core"

// Lettermint is the scheme of Lettermint: t and v1 in X-Lettermint-Signature,
// HMAC-SHA256 of "t.body". No id is signed, so each attempt counts as a
// separate message.
//
// Source: www.npmjs.com/package/lettermint/v/2.7.0, as of November 2026.
func Lettermint() core.Scheme {
	return must(Template{
		Name: "lettermint", Signature: Header("X-Lettermint-Signature"), List: ",", Label: "v1=",
		Timestamp: Entry("X-Lettermint-Signature", "t"), Stamping: core.StampedEachAttempt,
		Content: "{timestamp}.{body}",
	})
}
