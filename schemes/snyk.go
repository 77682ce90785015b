package schemes

import "github.com/hookonce/hookonce/core"

// Snyk returns the scheme for Snyk webhooks. The X-Hub-Signature header holds
// "sha256=" followed by the hex-encoded HMAC-SHA256 of the body. The
// X-Snyk-Transport-ID header is not signed and serves only for logs, because it
// is not known whether retries keep it. The body identifies the message. It is
// not known whether two events can have the same body, so a redelivery is
// refused with [core.ErrRepeated]. Attempts have no signed timestamp. This
// scheme has not been tested against an official library or a published test
// vector.
//
// Source: docs.snyk.io, "Validation and versioning of payloads", as of November
// 2026.
func Snyk() core.Scheme {
	return must(Template{
		Name: "snyk", Signature: Header("X-Hub-Signature"), Label: "sha256=", ID: Header("X-Snyk-Transport-Id"), idForLogs: true,
		Indistinct: true,
		Content:    "{body}",
	})
}
