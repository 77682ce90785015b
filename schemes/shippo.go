package schemes

import "github.com/hookonce/hookonce/core"

// Shippo is the scheme of Shippo: t and v1 in Shippo-Auth-Signature,
// HMAC-SHA256 of "t.body". No id is signed, so each attempt is a message of its
// own. Neither a library of the sender nor a published vector confirms this
// scheme.
//
// Source: another project's verifier, as of November 2026; the sender documents
// it at docs.goshippo.com/docs/tracking/webhooksecurity/.
func Shippo() core.Scheme {
	return must(Template{
		Name: "shippo", Signature: Header("Shippo-Auth-Signature"), List: ",", Label: "v1=",
		Timestamp: Entry("Shippo-Auth-Signature", "t"), Stamping: core.StampedEachAttempt,
		Content: "{timestamp}.{body}",
	})
}
