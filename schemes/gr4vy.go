package schemes

import "github.com/hookonce/hookonce/core"

// Gr4vy returns the scheme for Gr4vy webhooks. The X-Gr4vy-Signature header
// holds the hex-encoded HMAC-SHA256 of "timestamp.body", one for each secret.
// The X-Gr4vy-Timestamp header holds the timestamp. The event's id in the body
// identifies the message. Attempts with the same id must have the same name and
// time. Without an id, each attempt counts as a separate message.
//
// Source: www.npmjs.com/package/@gr4vy/sdk/v/1.10.18, as of November 2026.
func Gr4vy() core.Scheme {
	return must(Template{
		Name: "gr4vy", Signature: Header("X-Gr4vy-Signature"), List: ",",
		Timestamp: Header("X-Gr4vy-Timestamp"), Stamping: core.StampedEachAttempt,
		ID: JSON("id"), IDOptional: true, Stable: []Field{JSON("name"), JSON("created_at")},
		Content: "{timestamp}.{body}",
	})
}
