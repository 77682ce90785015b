package schemes

import "github.com/hookonce/hookonce/core"

// Mercury is the scheme of the bank Mercury: Mercury-Signature "t=time,v1=mac",
// HMAC-SHA256 of "time.body" in hexadecimal. The secret is the base64 that
// Mercury shows when the webhook is created. The id of the event in the body
// identifies the message. Neither a library of the sender nor a published
// vector confirms this scheme.
//
// Source: another project's verifier, as of November 2026; the sender documents
// it at docs.mercury.com/reference/webhooks.
func Mercury() core.Scheme {
	return must(Template{
		Name: "mercury", Signature: Header("Mercury-Signature"), List: ",", Label: "v1=", Secret: Base64Text,
		Timestamp: Entry("Mercury-Signature", "t"), Stamping: core.StampedEachAttempt,
		ID:      JSON("id"),
		Content: "{timestamp}.{body}",
	})
}
