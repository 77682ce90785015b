package schemes

import "github.com/hookonce/hookonce/core"

// LiveKit returns the scheme for LiveKit webhooks. The Authorization header
// holds only a JWT signed with HS256, without "Bearer". The key is the API
// secret. Its sha256 claim is the base64-encoded hash of the body, and nbf is
// the timestamp. A participant's token has no sha256 claim, so it is rejected.
// The event's id in the body identifies the message. Without an id, each
// attempt counts as a separate message.
//
// Source: www.npmjs.com/package/livekit-server-sdk/v/2.19.2, as of November
// 2026.
func LiveKit() core.Scheme {
	return mustJWT(JWT{
		Name: "livekit", Token: Header("Authorization"), BodyHash: "sha256", Encoding: core.Base64,
		Time: "nbf", Stamping: core.StampedEachAttempt,
		ID: JSON("id"), IDOptional: true,
	})
}
