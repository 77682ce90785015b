package schemes

import "github.com/hookonce/hookonce/core"

// CommerceLayer returns the scheme for Commerce Layer webhooks. The
// X-CommerceLayer-Signature header holds the base64-encoded HMAC-SHA256 of the
// body. The key is the webhook's shared secret. The body identifies the
// message. It is not known whether two events can have the same body, so a
// redelivery is refused with [core.ErrRepeated]. Attempts have no signed
// timestamp. This scheme has not been tested against an official library or a
// published test vector.
//
// Source: docs.commercelayer.io/developers/callbacks-security, as of November
// 2026.
func CommerceLayer() core.Scheme {
	return must(Template{
		Name: "commercelayer", Signature: Header("X-Commercelayer-Signature"), Encoding: core.Base64,
		Indistinct: true,
		Content:    "{body}",
	})
}
