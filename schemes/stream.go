package schemes

import "github.com/hookonce/hookonce/core"

// Stream is the scheme of Stream (getstream.io): X-Signature, HMAC-SHA256 of
// the body in hexadecimal under the API secret. The body may be compressed with
// gzip and is signed as it was before; see [Template].Gunzip. The handler gets
// it as it came.
//
// The body identifies the message. Nobody says that two events differ in it, so
// a handled message that comes again is not acknowledged. No time of an attempt
// is signed.
//
// Source: www.npmjs.com/package/stream-chat/v/9.53.0, as of November 2026.
func Stream() core.Scheme {
	return must(Template{
		Name: "stream", Signature: Header("X-Signature"), Gunzip: true, Indistinct: true,
		Content: "{body}",
	})
}
