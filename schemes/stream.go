package schemes

import "github.com/hookonce/hookonce/core"

// Stream is the scheme of Stream (getstream.io): X-Signature, HMAC-SHA256 of
// the body in hexadecimal under the API secret. Stream signs the body before it
// may compress it with gzip; see [Template].Gunzip. The handler gets the body
// unchanged.
//
// The body identifies the message. No document says that two events have
// different bodies, so a redelivery is not acknowledged. No time of an attempt
// is signed.
//
// Source: www.npmjs.com/package/stream-chat/v/9.53.0, as of November 2026.
func Stream() core.Scheme {
	return must(Template{
		Name: "stream", Signature: Header("X-Signature"), Gunzip: true, Indistinct: true,
		Content: "{body}",
	})
}
