package schemes

import "github.com/hookonce/hookonce/core"

// Persona returns the scheme for Persona webhooks. In the Persona-Signature
// header, t is the timestamp and v1 is the hex-encoded HMAC-SHA256 of "t.body".
// While a secret is rotated, the header has two such sets, separated by a
// space. No id is signed, so each attempt counts as a separate message. This
// scheme has not been tested against an official library or a published test
// vector.
//
// Source: docs.withpersona.com/docs/webhooks-best-practices, as of November
// 2026.
func Persona() core.Scheme {
	return must(Template{
		Name: "persona", Signature: Header("Persona-Signature"), List: ",", Label: "v1=", sets: true,
		Timestamp: Entry("Persona-Signature", "t"), Stamping: core.StampedEachAttempt,
		Content: "{timestamp}.{body}",
	})
}
