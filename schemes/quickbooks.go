package schemes

import "github.com/hookonce/hookonce/core"

// QuickBooks returns the scheme for Intuit QuickBooks webhooks. The
// Intuit-Signature header holds the base64-encoded HMAC-SHA256 of the body. The
// key is the verifier token. The body identifies the message. It is not known
// whether two events can have the same body, so a redelivery is refused with
// [core.ErrRepeated]. Attempts have no signed timestamp. This scheme has not
// been tested against an official library or a published test vector.
//
// Source: gist.github.com/gregawoods/67fde888, as of November 2026.
func QuickBooks() core.Scheme {
	return must(Template{
		Name: "quickbooks", Signature: Header("Intuit-Signature"),
		Encoding:   core.Base64,
		Indistinct: true,
		Content:    "{body}",
	})
}
