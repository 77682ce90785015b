package schemes

import "github.com/hookonce/hookonce/core"

// FastSpring returns the scheme for FastSpring webhooks. The X-FS-Signature
// header holds the base64-encoded HMAC-SHA256 of the body.
//
// If a body has one event, the event's id identifies the message. FastSpring's
// automatic retries keep the id, but may contain updated information. Attempts
// with the same id therefore need only have the same event type. A manual retry
// has a new id, so it is another message. If a body has several events, its
// content identifies the message. Attempts have no signed timestamp. This
// scheme has not been tested against an official library or a published test
// vector.
//
// Source: developer.fastspring.com/docs/message-security and
// developer.fastspring.com/docs/webhooks-overview, as of November 2026.
func FastSpring() core.Scheme {
	return must(Template{
		Name: "fastspring", Signature: Header("X-Fs-Signature"), Encoding: core.Base64,
		ID: JSON("events", "0", "id"), Batch: BatchByContent,
		Stable:  []Field{JSON("events", "0", "type")},
		Content: "{body}",
	})
}
