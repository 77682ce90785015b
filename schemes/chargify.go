package schemes

import "github.com/hookonce/hookonce/core"

// Chargify is the scheme of Chargify (Maxio):
// X-Chargify-Webhook-Signature-Hmac-Sha-256, HMAC-SHA256 of the body in
// hexadecimal under the shared key of the site. The older signature, an MD5, is
// ignored. The body identifies the message. No document says that two events
// have different bodies, so a redelivery is not acknowledged. No time of an
// attempt is signed. Neither a library of the sender nor a published vector
// confirms this scheme.
//
// Source: another project's verifier, as of November 2026; the sender documents
// it at ngrok.com/docs/integrations/webhooks/chargify-webhooks.
func Chargify() core.Scheme {
	return must(Template{
		Name: "chargify", Signature: Header("X-Chargify-Webhook-Signature-Hmac-Sha-256"),
		Indistinct: true,
		Content:    "{body}",
	})
}
