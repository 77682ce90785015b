package schemes

import "github.com/hookonce/hookonce/core"

// LINE returns the scheme for webhooks of LINE's Messaging API. The
// X-Line-Signature header holds the base64-encoded HMAC-SHA256 of the body. The
// key is the channel secret. If a body has one event, its webhookEventId
// identifies the message. The event also says whether it is a retry. Attempts
// with the same id therefore need only have the same event type, timestamp,
// source and message. If a body has several events, its content identifies the
// message. The same holds for a body without events, which LINE sends to check
// the endpoint. Attempts have no signed timestamp.
//
// Source: www.npmjs.com/package/@line/bot-sdk/v/11.2.0, as of November 2026.
func LINE() core.Scheme {
	return must(Template{
		Name: "line", Signature: Header("X-Line-Signature"), Encoding: core.Base64,
		ID: JSON("events", "0", "webhookEventId"), IDOptional: true, Batch: BatchByContent,
		Stable:  []Field{JSON("events", "0", "type"), JSON("events", "0", "timestamp"), JSON("events", "0", "source"), JSON("events", "0", "message")},
		Content: "{body}",
	})
}
