package schemes

import "github.com/hookonce/hookonce/core"

// Pusher returns the scheme for Pusher Channels webhooks. The
// X-Pusher-Signature header holds the hex-encoded HMAC-SHA256 of the body. The
// key is the secret of the app whose key is in X-Pusher-Key. The body
// identifies the message, because it contains time_ms. Attempts have no signed
// timestamp.
//
// Source: www.npmjs.com/package/pusher/v/5.3.4, as of November 2026.
func Pusher() core.Scheme {
	return must(Template{
		Name: "pusher", Signature: Header("X-Pusher-Signature"),
		Content: "{body}",
	})
}
