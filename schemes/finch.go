package schemes

import "github.com/hookonce/hookonce/core"

// Finch is the scheme of Finch: v1 in Finch-Signature, HMAC-SHA256 of
// "id.time.body" in base64 with Finch-Event-Id and Finch-Timestamp, under a
// secret in base64. The id identifies the message.
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
