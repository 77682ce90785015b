package schemes

import "github.com/hookonce/hookonce/core"

// Stream returns the scheme for Stream (getstream.io) webhooks. The X-Signature
// header holds the hex-encoded HMAC-SHA256 of the body. The key is the API
// secret. Stream may compress the body with gzip after signing it: see
// [Template].Gunzip. The handler gets the body unchanged.
//
// The body identifies the message. It is not known whether two events can have
// the same body, so a redelivery is refused with [core.ErrRepeated]. Attempts
// have no signed timestamp.
//
// Source: www.npmjs.com/package/stream-chat/v/9.53.0, as of November 2026.
func Stream() core.Scheme {
	return must(Template{
		Name: "stream", Signature: Header("X-Signature"), Gunzip: true, Indistinct: true,
		Content: "{body}",
	})
}
