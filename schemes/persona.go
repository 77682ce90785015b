package schemes

import "github.com/hookonce/hookonce/core"

// Persona is the scheme of Persona: t and v1 in Persona-Signature, HMAC-SHA256
// of "t.body". No id is signed, so each attempt counts as a separate message.
// This scheme has not been tested against an official library or a published
// test vector.
//
// Source: a third-party verifier, as of November 2026. The sender documents its
// webhooks at docs.withpersona.com/webhooks-best-practices.
func Persona() core.Scheme {
	return must(Template{
		Name: "persona", Signature: Header("Persona-Signature"), List: ",", Label: "v1=",
		Timestamp: Entry("Persona-Signature", "t"), Stamping: core.StampedEachAttempt,
		Content: "{timestamp}.{body}",
	})
}
