package schemes

import "github.com/hookonce/hookonce/core"

// CalCom is the scheme of Cal.com: X-Cal-Signature-256, HMAC-SHA256 of the body
// in hexadecimal. The body identifies the message. No document says that two
// events have different bodies, so a redelivery is not acknowledged. No time of
// an attempt is signed. Neither a library of the sender nor a published vector
// confirms this scheme.
//
// Source: www.npmjs.com/package/n8n-nodes-base/v/2.41.2, as of November 2026.
func CalCom() core.Scheme {
	return must(Template{
		Name: "calcom", Signature: Header("X-Cal-Signature-256"),
		Indistinct: true,
		Content:    "{body}",
	})
}
