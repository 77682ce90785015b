package schemes

import "github.com/hookonce/hookonce/core"

// Mercury returns the scheme for webhooks of the bank Mercury. The header
// Mercury-Signature has the form "t=time,v1=mac"; the MAC is the hexadecimal
// HMAC-SHA256 of "time.body". The secret is the base64 text that Mercury shows
// when the webhook is created. The event's id in the body identifies the
// message. This scheme has not been tested against an official library or a
// published test vector.
//
// Source: another project's verifier, as of November 2026. Mercury documents
// the scheme at docs.mercury.com/reference/webhooks.
func Mercury() core.Scheme {
	return must(Template{
		Name: "mercury", Signature: Header("Mercury-Signature"), List: ",", Label: "v1=", Secret: Base64Text,
		Timestamp: Entry("Mercury-Signature", "t"), Stamping: core.StampedEachAttempt,
		ID:      JSON("id"),
		Content: "{timestamp}.{body}",
	})
}
