package schemes

import "github.com/hookonce/hookonce/core"

// CustomerIO is the scheme of Customer.io: X-CIO-Signature, HMAC-SHA256 of
// "v0:time:body" with the timestamp in X-CIO-Timestamp, in hexadecimal. No id
// is signed, so each attempt is a message of its own. Neither a library of the
// sender nor a published vector confirms this scheme.
//
// Source: another project's verifier, as of November 2026; the sender documents
// it at docs.customer.io/integrations/api/webhooks/.
func CustomerIO() core.Scheme {
	return must(Template{
		Name: "customerio", Signature: Header("X-Cio-Signature"),
		Timestamp: Header("X-Cio-Timestamp"), Stamping: core.StampedEachAttempt,
		Content: "v0:{timestamp}:{body}",
	})
}
