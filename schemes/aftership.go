package schemes

import "github.com/hookonce/hookonce/core"

// AfterShip is the scheme of AfterShip: Aftership-Hmac-Sha256, HMAC-SHA256 of
// the body in base64. The body identifies the message. No document says that
// two events have different bodies, so a redelivery is not acknowledged. No
// time of an attempt is signed. Neither a library of the sender nor a published
// vector confirms this scheme.
//
// Source: another project's verifier, as of November 2026; the sender documents
// it at ngrok.com/docs/integrations/webhooks/aftership-webhooks.
func AfterShip() core.Scheme {
	return must(Template{
		Name: "aftership", Signature: Header("Aftership-Hmac-Sha256"),
		Encoding:   core.Base64,
		Indistinct: true,
		Content:    "{body}",
	})
}
