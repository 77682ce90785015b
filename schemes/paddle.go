package schemes

import "github.com/hookonce/hookonce/core"

// Paddle is the scheme of Paddle Billing: ts and h1 in Paddle-Signature,
// HMAC-SHA256 of "ts:body" under the whole secret, pdl_ntfset_ included. The
// event's id in the body identifies the message.
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
