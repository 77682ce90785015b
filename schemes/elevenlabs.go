package schemes

import (
	"time"

	"github.com/hookonce/hookonce/core"
)

// ElevenLabs returns the scheme for ElevenLabs webhooks. In the
// ElevenLabs-Signature header, t is the timestamp and v0 is the hex-encoded
// HMAC-SHA256 of "t.body". The timestamp may be up to 30 minutes old. No id is
// signed, so each attempt counts as a separate message. This scheme has not
// been tested against an official library or a published test vector.
//
// Source: elevenlabs/elevenlabs-js, src/wrapper/webhooks.ts at commit 0a4b3f0,
// as of November 2026.
func ElevenLabs() core.Scheme {
	return must(Template{
		Name: "elevenlabs", Signature: Header("ElevenLabs-Signature"), List: ",", Label: "v0=",
		Timestamp: Entry("ElevenLabs-Signature", "t"), Stamping: core.StampedEachAttempt, Past: 30 * time.Minute,
		Content: "{timestamp}.{body}",
	})
}
