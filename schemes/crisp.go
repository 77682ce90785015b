package schemes

import "github.com/hookonce/hookonce/core"

// Crisp returns the scheme for Crisp's plugin hooks. Crisp does not sign its
// website hooks. The X-Crisp-Signature header holds the hex-encoded HMAC-SHA256
// of "[timestamp;body]". The timestamp is in the X-Crisp-Request-Timestamp
// header, in seconds or milliseconds. No id is signed, so each attempt counts
// as a separate message. Crisp does not document whether a retry has a new
// timestamp. If it does not, a late retry is refused as too old.
//
// Source: www.npmjs.com/package/crisp-api/v/11.3.0, as of November 2026.
func Crisp() core.Scheme {
	return must(Template{
		Name: "crisp", Signature: Header("X-Crisp-Signature"),
		Timestamp: Header("X-Crisp-Request-Timestamp"), Unit: UnixTime, Stamping: core.StampedEachAttempt,
		Content: "[{timestamp};{body}]",
	})
}
