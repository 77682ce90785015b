package schemes

import "github.com/hookonce/hookonce/core"

// QuickBooks is the scheme of Intuit's QuickBooks: Intuit-Signature,
// HMAC-SHA256 of the body in base64 under the verifier token. The body
// identifies the message. No document says that two events have different
// bodies, so a redelivery is not acknowledged. No time of an attempt is signed.
// Neither a library of the sender nor a published vector confirms this scheme.
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
