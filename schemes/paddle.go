package schemes

import "github.com/hookonce/hookonce/core"

// Paddle returns the scheme for Paddle Billing webhooks. In the
// Paddle-Signature header, ts is the timestamp and h1 is the hex-encoded
// HMAC-SHA256 of "ts:body". The key is the whole text of the secret, including
// pdl_ntfset_. The event's id in the body identifies the message.
//
// Source: PaddleHQ/paddle-node-sdk,
// src/notifications/helpers/webhooks-validator.ts at commit 0f73f54, as of
// November 2026.
func Paddle() core.Scheme {
	return must(Template{
		Name: "paddle", Signature: Header("Paddle-Signature"), List: ";", Label: "h1=",
		Timestamp: Entry("Paddle-Signature", "ts"), Stamping: core.StampedEachAttempt, ID: JSON("event_id"),
		Stable:  []Field{JSON("event_type"), JSON("occurred_at"), JSON("data")},
		Content: "{timestamp}:{body}",
	})
}
