package schemes

import "github.com/hookonce/hookonce/core"

// Persona is the scheme of Persona: t and v1 in Persona-Signature, HMAC-SHA256
// of "t.body". No id is signed, so each attempt is a message of its own.
// Neither a library of the sender nor a published vector confirms this scheme.
//
// Source: another project's verifier, as of November 2026; the sender documents
// it at docs.withpersona.com/webhooks-best-practices.
func Persona() core.Scheme {
	return must(Template{
		Name: "persona", Signature: Header("Persona-Signature"), List: ",", Label: "v1=",
		Timestamp: Entry("Persona-Signature", "t"), Stamping: core.StampedEachAttempt,
		Content: "{timestamp}.{body}",
	})
}
