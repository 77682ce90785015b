package schemes

import "github.com/hookonce/hookonce/core"

// Bolt is the scheme of Bolt: X-Bolt-Hmac-Sha256, HMAC-SHA256 of the body in
// base64 under the signing secret. The body identifies the message. No document
// says that two events have different bodies, so a redelivery is not
// acknowledged. No time of an attempt is signed. Neither a library of the
// sender nor a published vector confirms this scheme.
//
// Source: another project's verifier, as of November 2026; the sender documents
// it at help.bolt.com/developers/guides/webhooks/hook-verification/.
func Bolt() core.Scheme {
	return must(Template{
		Name: "bolt", Signature: Header("X-Bolt-Hmac-Sha256"),
		Encoding:   core.Base64,
		Indistinct: true,
		Content:    "{body}",
	})
}
