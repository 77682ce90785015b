package schemes

import "github.com/hookonce/hookonce/core"

// Lettermint returns the scheme for Lettermint webhooks. In the
// X-Lettermint-Signature header, t is the timestamp and v1 is the hex-encoded
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
