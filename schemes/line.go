package schemes

import "github.com/hookonce/hookonce/core"

// LINE returns the scheme for LINE's Messaging API. The X-Line-Signature header
// holds the base64-encoded HMAC-SHA256 of the body under the channel secret.
// The webhookEventId of the one event in a body identifies the message. The
// event says whether it is a retry, so two attempts must only agree in the rest
// of it. The content identifies a body with several events. It also identifies
// one with none, as LINE sends to check the endpoint. Attempts have no signed
// timestamp.
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
