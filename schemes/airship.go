package schemes

import "github.com/hookonce/hookonce/core"

// Airship is the scheme of Airship: X-UA-Signature, HMAC-SHA256 of "time:body"
// with the timestamp in X-UA-Timestamp, in hexadecimal. No id is signed, so
// each attempt is a message of its own. Neither a library of the sender nor a
// published vector confirms this scheme.
//
// Source: another project's verifier, as of November 2026; the sender documents
// it at ngrok.com/docs/integrations/webhooks/airship-webhooks.
func Airship() core.Scheme {
	return must(Template{
		Name: "airship", Signature: Header("X-Ua-Signature"),
		Timestamp: Header("X-Ua-Timestamp"), Stamping: core.StampedEachAttempt,
		Content: "{timestamp}:{body}",
	})
}
