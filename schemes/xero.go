package schemes

import "github.com/hookonce/hookonce/core"

// Xero is the scheme of Xero: X-Xero-Signature, HMAC-SHA256 of the body in
// base64 under the text of the webhook key, which is not decoded. Xero first
// sends wrong signatures on purpose, and expects 401 for them. The body
// identifies the message. No document says that two events have different
// bodies, so a redelivery is not acknowledged. No time of an attempt is signed.
// Neither a library of the sender nor a published vector confirms this scheme.
//
// Source: another project's verifier, as of November 2026; the sender documents
// it at developer.xero.com/documentation/guides/webhooks/overview/.
func Xero() core.Scheme {
	return must(Template{
		Name: "xero", Signature: Header("X-Xero-Signature"),
		Encoding:   core.Base64,
		Indistinct: true,
		Content:    "{body}",
	})
}
