package schemes

import "github.com/hookonce/hookonce/core"

// Finch returns the scheme for Finch webhooks. In the Finch-Signature header,
// v1 is the base64-encoded HMAC-SHA256 of "id.timestamp.body". The
// Finch-Event-Id and Finch-Timestamp headers hold the id and the timestamp. The
// secret is base64-encoded. The id identifies the message.
//
// Source: www.npmjs.com/package/@tryfinch/finch-api/v/10.7.0, as of November
// 2026.
func Finch() core.Scheme {
	return must(Template{
		Name: "finch", Signature: Header("Finch-Signature"), List: " ", Label: "v1,", Encoding: core.Base64, Secret: Base64Text,
		Timestamp: Header("Finch-Timestamp"), Stamping: core.StampedEachAttempt,
		ID:      Header("Finch-Event-Id"),
		Content: "{id}.{timestamp}.{body}",
	})
}
