package schemes

import "github.com/hookonce/hookonce/core"

// Pusher is the scheme of Pusher Channels: X-Pusher-Signature, HMAC-SHA256 of
// the body in hexadecimal under the secret of the app whose key is in
// X-Pusher-Key. The body identifies the message, by its time_ms. No time of an
// attempt is signed.
//
// Source: www.npmjs.com/package/pusher/v/5.3.4, as of November 2026.
func Pusher() core.Scheme {
	return must(Template{
		Name: "pusher", Signature: Header("X-Pusher-Signature"),
		Content: "{body}",
	})
}
