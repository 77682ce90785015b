package schemes

import "github.com/hookonce/hookonce/core"

// Mollie returns the scheme for Mollie's next-generation webhooks. The
// X-Mollie-Signature header holds the hex-encoded HMAC-SHA256 of the body.
// Classic webhooks are not signed. The event's id in the body identifies the
// message. Attempts with the same id must have the same type, entity and time.
// Without an id, the body identifies the message, and a redelivery is refused
// with [core.ErrRepeated]. Attempts have no signed timestamp.
//
// Source: www.npmjs.com/package/mollie-api-typescript/v/1.12.28, as of November
// 2026.
func Mollie() core.Scheme {
	return must(Template{
		Name: "mollie", Signature: Header("X-Mollie-Signature"),
		Label: "sha256=",
		ID:    JSON("id"), IDOptional: true, Indistinct: true,
		Stable:  []Field{JSON("type"), JSON("entityId"), JSON("createdAt")},
		Content: "{body}",
	})
}
