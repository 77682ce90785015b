package schemes

import "github.com/hookonce/hookonce/core"

// Formstack returns the scheme for Formstack webhooks. The X-Fs-Signature
// header holds "sha256=" followed by the hex-encoded HMAC-SHA256 of the body.
// The body identifies the message. It is not known whether two events can have
// the same body, so a redelivery is refused with [core.ErrRepeated]. Attempts
// have no signed timestamp. This scheme has not been tested against an official
// library or a published test vector.
//
// Source: www.npmjs.com/package/n8n-nodes-base/v/2.41.2, as of November 2026.
func Formstack() core.Scheme {
	return must(Template{
		Name: "formstack", Signature: Header("X-Fs-Signature"),
		Label:      "sha256=",
		Indistinct: true,
		Content:    "{body}",
	})
}
